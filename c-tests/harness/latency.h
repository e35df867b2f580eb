/* How soon something is there, where the library's ticks must not be waited for. */
#ifndef LATENCY_H
#define LATENCY_H

#include "harness.h"

#include <time.h>

static inline int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Long enough for the library to doze off, or for its ticks to get longer. */
static inline void pause_ms(long ms)
{
	struct timespec pause = { 0, ms * 1000000 };

	nanosleep(&pause, NULL);
}

static inline int latency_order(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/*
 * measure fills took with the microseconds of so many rounds. Another attempt is made
 * where the machine was busy: a tick of 1 to 8 ms would be the median of each.
 */
static inline void latency_check(void (*measure)(int64_t *took), size_t rounds)
{
	int64_t took[rounds], most;
	int attempt;

	for (attempt = 0; attempt < 5; attempt++) {
		measure(took);
		qsort(took, rounds, sizeof(took[0]), latency_order);
		most = took[rounds * 3 / 4];
		tap_note("median %lld us, three quarters %lld us, worst %lld us",
			 (long long)took[rounds / 2], (long long)most,
			 (long long)took[rounds - 1]);
		if (most < 800)
			break;
	}
	CHECK_MSG(attempt < 5, "a quarter takes more than %lld us", (long long)most);
}

#endif
