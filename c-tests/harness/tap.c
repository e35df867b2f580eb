#define _GNU_SOURCE
#include "tap.h"

#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define REPORT_MAX 40           /* failed checks printed; the rest is counted */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char section[256];
static int sections, failed_sections;
static int failures, section_failures;

/* With the lock held. */
static void end_section(void)
{
	if (section[0] == '\0' && section_failures == 0)
		return;
	sections++;
	if (section_failures > 0)
		failed_sections++;
	printf("%s %d - %s\n", section_failures > 0 ? "not ok" : "ok", sections,
	       section[0] != '\0' ? section : "checks");
	fflush(stdout);
	section[0] = '\0';
	section_failures = 0;
}

void tap_section(const char *format, ...)
{
	va_list args;

	pthread_mutex_lock(&lock);
	end_section();
	va_start(args, format);
	vsnprintf(section, sizeof(section), format, args);
	va_end(args);
	pthread_mutex_unlock(&lock);
}

void tap_note(const char *format, ...)
{
	va_list args;

	pthread_mutex_lock(&lock);
	printf("# ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	pthread_mutex_unlock(&lock);
}

void tap_skip(const char *format, ...)
{
	va_list args;

	printf("1..0 # SKIP ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	_exit(0);
}

void tap_abort(void)
{
	pthread_mutex_lock(&lock);
	end_section();
	printf("Bail out! a required check failed\n");
	fflush(stdout);
	_exit(1);
}

/*
 * A set's own thread goes after the set's last reference has; what it holds until then is lost to
 * memcheck if the process ends first. For a second: some tests leave threads behind.
 */
static void let_threads_end(void)
{
	struct timespec pause = { 0, 2000000 };
	struct stat tasks;
	int tries, links = 3;

#ifdef __SANITIZE_THREAD__
	links++;        /* its own thread */
#endif
	/* A folder has two links, and one more for each folder in it. */
	for (tries = 0; tries < 500; tries++) {
		if (stat("/proc/self/task", &tasks) || (int)tasks.st_nlink <= links)
			return;
		nanosleep(&pause, NULL);
	}
}

int tap_done(void)
{
	let_threads_end();
	pthread_mutex_lock(&lock);
	end_section();
	printf("1..%d\n", sections);
	if (failures > REPORT_MAX)
		printf("# %d more failed checks\n", failures - REPORT_MAX);
	fflush(stdout);
	pthread_mutex_unlock(&lock);
	return failed_sections > 0 || sections == 0;
}

static bool report(bool ok, const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static bool report(bool ok, const char *file, int line, const char *format, ...)
{
	va_list args;

	if (ok)
		return true;
	pthread_mutex_lock(&lock);
	section_failures++;
	if (++failures <= REPORT_MAX) {
		printf("# %s:%d: ", file, line);
		va_start(args, format);
		vprintf(format, args);
		va_end(args);
		printf("\n");
		fflush(stdout);
	}
	pthread_mutex_unlock(&lock);
	return false;
}

bool tap_check(bool ok, const char *file, int line, const char *text)
{
	return report(ok, file, line, "failed: %s", text);
}

bool tap_check_eq(long long got, long long want, const char *file, int line,
		  const char *text)
{
	return report(got == want, file, line, "%s is %lld, expected %lld", text, got,
		      want);
}

bool tap_check_str(const char *got, const char *want, const char *file, int line,
		   const char *text)
{
	bool ok = got == want || (got != NULL && want != NULL && strcmp(got, want) == 0);

	return report(ok, file, line, "%s is \"%s\", expected \"%s\"", text,
		      got != NULL ? got : "(null)", want != NULL ? want : "(null)");
}

bool tap_check_mem(const void *got, const void *want, size_t len, const char *file,
		   int line, const char *text)
{
	const unsigned char *g = got, *w = want;
	size_t i = 0;

	while (i < len && g[i] == w[i])
		i++;
	if (i == len)
		return true;
	return report(false, file, line, "%s differs at byte %zu of %zu: %02x, expected %02x",
		      text, i, len, g[i], w[i]);
}

bool tap_check_msg(bool ok, const char *file, int line, const char *format, ...)
{
	char text[512];
	va_list args;

	if (ok)
		return true;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return report(false, file, line, "%s", text);
}

int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t scaled(int64_t ms)
{
	const char *scale = getenv("TEST_SCALE");

	return scale != NULL && atoi(scale) > 0 ? ms * atoi(scale) : ms;
}

void tap_pause(void)
{
	struct timespec t = { 0, 1000000 };

	nanosleep(&t, NULL);
}

static const char *from_env(const char *name, const char *otherwise)
{
	const char *value = getenv(name);

	return value != NULL && *value != '\0' ? value : otherwise;
}

const char *test_mode(void)
{
	return from_env("TEST_MODE", "plain");
}

const char *test_scratch(void)
{
	return from_env("TEST_SCRATCH", ".");
}

const char *test_root(void)
{
	return from_env("TEST_ROOT", ".");
}

/* Only what a signal handler may call; the section may be torn, no matter. */
static void out_of_time(int sig)
{
	static const char before[] = "# out of time in section: ";
	ssize_t ignored;

	(void)sig;
	ignored = write(1, before, sizeof(before) - 1);
	ignored = write(1, section, strnlen(section, sizeof(section)));
	ignored = write(1, "\n", 1);
	(void)ignored;
	_exit(124);
}

__attribute__((constructor)) static void start(void)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = out_of_time;
	sigaction(SIGALRM, &action, NULL);
	alarm((unsigned)atoi(from_env("TEST_TIMEOUT", "60")));
}
