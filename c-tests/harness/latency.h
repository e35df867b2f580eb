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
 * measure fills took with the microseconds of so many rounds, every other of which is of
 * the same kind. A tick of 1 to 8 ms would be the median of a kind in each attempt; on a busy
 * machine it takes several until one is not disturbed.
 */
static inline void latency_check(void (*measure)(int64_t *took), size_t rounds)
{
	int64_t took[rounds], kinds[2][rounds], most;
	size_t i, n[2];
	int attempt, kind;

	for (attempt = 0; attempt < 20; attempt++) {
		measure(took);
		n[0] = n[1] = 0;
		for (i = 0; i < rounds; i++)
			kinds[i % 2][n[i % 2]++] = took[i];
		for (most = 0, kind = 0; kind < 2; kind++) {
			qsort(kinds[kind], n[kind], sizeof(took[0]), latency_order);
			if (kinds[kind][n[kind] / 2] > most)
				most = kinds[kind][n[kind] / 2];
		}
		tap_note("medians %lld us, %lld us", (long long)kinds[0][n[0] / 2],
			 (long long)kinds[1][n[1] / 2]);
		if (most < 800)
			break;
	}
	CHECK_MSG(attempt < 20, "half of them take more than %lld us", (long long)most);
}

#endif
