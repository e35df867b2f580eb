/* Building and running other programs from a test, in its scratch directory. */
#ifndef BUILD_H
#define BUILD_H

#include "harness.h"

#include <stdarg.h>
#include <sys/wait.h>

/* Runs a shell command; its output goes to the test's. */
#define SHELL(...) CHECK_EQ(shell(__VA_ARGS__), 0)
__attribute__((format(printf, 1, 2))) static int shell(const char *format, ...)
{
	char command[4096];
	va_list args;
	int status;

	va_start(args, format);
	REQUIRE(vsnprintf(command, sizeof(command), format, args) < (int)sizeof(command));
	va_end(args);
	fflush(stdout);
	status = system(command);
	if (status != 0)
		tap_note("failed: %s", command);
	return status;
}

static const char *env(const char *name)
{
	const char *value = getenv(name);

	REQUIRE(value != NULL);
	return value;
}

#endif
