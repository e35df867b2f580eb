#include "load.h"

#include <dirent.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void pause_us(int64_t us)
{
	struct timespec t = { us / 1000000, us % 1000000 * 1000 };

	nanosleep(&t, NULL);
}

uint64_t chance(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* ---- measures ---- */

static long entries(const char *path)
{
	DIR *dir = opendir(path);
	long n = 0;

	if (dir == NULL)
		return -1;
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n - 2;
}

void measure(int pid, struct measures *m)
{
	char path[64], line[512] = "";
	unsigned long user = 0, system = 0;
	long pages = 0;
	FILE *f;

	if (pid == 0)
		pid = getpid();
	memset(m, 0, sizeof(*m));
	snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	f = fopen(path, "re");
	if (f != NULL) {
		if (fscanf(f, "%*d %ld", &pages) != 1)
			pages = 0;
		fclose(f);
	}
	m->rss_kib = pages * (sysconf(_SC_PAGESIZE) / 1024);
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (f != NULL) {
		char *end = fgets(line, sizeof(line), f) != NULL ? strrchr(line, ')') : NULL;

		if (end != NULL)
			sscanf(end + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
			       &user, &system);
		fclose(f);
	}
	m->cpu_us = (int64_t)(user + system) * (1000000 / sysconf(_SC_CLK_TCK));
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	m->threads = entries(path);
	/* The directory itself is open in the process that looks. */
	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	m->descriptors = entries(path) - (pid == getpid());
}

size_t heap_bytes(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

/* ---- calls that can be checked ---- */

uint64_t answer(int procedure, uint64_t nr)
{
	return (nr ^ (uint64_t)procedure << 56) * 0x9e3779b97f4a7c15u + 1;
}

void pattern(uint64_t nr, char *data, size_t len)
{
	uint64_t word = nr;
	size_t i, n;

	for (i = 0; i < len; i += n) {
		word = word * 6364136223846793005u + 1442695040888963407u;
		n = len - i < sizeof(word) ? len - i : sizeof(word);
		memcpy(data + i, &word, n);
	}
}

bool pattern_is(uint64_t nr, const char *data, size_t len)
{
	uint64_t word = nr;
	size_t i, n;

	for (i = 0; i < len; i += n) {
		word = word * 6364136223846793005u + 1442695040888963407u;
		n = len - i < sizeof(word) ? len - i : sizeof(word);
		if (memcmp(data + i, &word, n) != 0)
			return false;
	}
	return true;
}

/* ---- verdicts ---- */

static atomic_long fault_count;
static int passed, failed;

void fault(const char *format, ...)
{
	enum { SHOWN = 30 };
	char text[512];
	va_list args;
	long n = atomic_fetch_add(&fault_count, 1);

	if (n >= SHOWN)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	printf("# fault: %s%s\n", text, n == SHOWN - 1 ? " (more are counted only)" : "");
	fflush(stdout);
}

long faults(void)
{
	return atomic_load(&fault_count);
}

void must(long code, const char *call, const char *file, int line)
{
	if (code == 0)
		return;
	printf("%s:%d: %s: %ld (%s)\n", file, line, call, code,
	       code > 0 ? strerror((int)code) : "");
	printf("not ok - could not go on\n%d passed, %d failed\n", passed, failed + 1);
	exit(1);
}

bool verdict(bool ok, const char *format, ...)
{
	va_list args;

	*(ok ? &passed : &failed) += 1;
	printf("%s %d - ", ok ? "ok" : "not ok", passed + failed);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
	return ok;
}

int verdicts(void)
{
	printf("%d passed, %d failed\n", passed, failed);
	return failed == 0 && passed > 0 ? 0 : 1;
}
