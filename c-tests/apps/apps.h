/* What the tests of applications' habits share: processes. */
#ifndef APPS_H
#define APPS_H

#include "extra_rt.h"

#define UNUSED __attribute__((unused))

/* A process of its own: run(arg), then _exit with what it returns. It does not
 * outlive the test for long. */
UNUSED static pid_t child_start(int (*run)(void *), void *arg)
{
	pid_t pid = fork();

	REQUIRE(pid >= 0);
	if (pid == 0) {
		alarm((unsigned)scaled(20000) / 1000);
		_exit(run(arg));
	}
	return pid;
}

/* Waits for its end in time: its exit status, or -1. */
UNUSED static int child_wait(pid_t pid)
{
	int64_t end = now_ms() + scaled(10000);
	int status = 0;
	pid_t got;

	while ((got = waitpid(pid, &status, WNOHANG)) == 0 && now_ms() < end)
		tap_pause();
	if (got == 0) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		CHECK(!"the process ends in time");
		return -1;
	}
	if (!CHECK_MSG(got == pid && WIFEXITED(status), "wait status %x", status))
		return -1;
	return WEXITSTATUS(status);
}

#endif
