/* early: calls whose time is up: what they cost, and how late they end. */
#define _GNU_SOURCE
#include "workloads.h"

#include "measure.h"
#include "peer.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { OUTSTANDING = 100000, SYNC = 300, FIRST_MS = 3000, SPREAD_MS = 2000 };

static uint64_t due_ns[OUTSTANDING];
static struct latencies late;
static uint64_t ended;

/* In the client's one dispatcher. */
void bench_ended(void *arg)
{
	uint64_t now = now_ns(), due = due_ns[(uintptr_t)arg];

	latencies_add(&late, now > due ? now - due : 0);
	__atomic_fetch_add(&ended, 1, __ATOMIC_RELEASE);
}

static void wait_for(uint64_t n)
{
	while (__atomic_load_n(&ended, __ATOMIC_ACQUIRE) < n)
		usleep(1000);
}

static double memory(void)
{
	return (double)rss_kb(CLIENT) * 1024;
}

void run_early(int port, const char *wl)
{
	double before, bytes, add_ns, sync_p50, sync_p99;
	void *conn = peer_open(port, wl);
	struct latencies sync;
	struct snapshot a, b;
	uint64_t start;
	char extra[256];

	if (!peer_held || !peer_held_async)
		peer_die("no such workload here");
	latencies_init(&late, OUTSTANDING + 1000);
	latencies_init(&sync, SYNC);
	for (int i = 0; i < SYNC; i++) {
		unsigned ms = 2 + (unsigned)i % 9;

		start = now_ns();
		peer_held(conn, ms);
		latencies_add(&sync, now_ns() - start - ms * 1000000ull);
	}
	latencies_sort(&sync);
	sync_p50 = percentile_us(&sync, 0.5);
	sync_p99 = percentile_us(&sync, 0.99);
	before = memory();
	snapshot_start(&a);
	start = now_ns();
	for (uintptr_t i = 0; i < OUTSTANDING; i++) {
		/* Distinct, and in no order. */
		unsigned ms = FIRST_MS + (unsigned)(i * 7919 % OUTSTANDING * SPREAD_MS / OUTSTANDING);

		due_ns[i] = now_ns() + ms * 1000000ull;
		peer_held_async(conn, ms, (void *)i);
	}
	add_ns = (double)(now_ns() - start) / OUTSTANDING;
	bytes = (memory() - before) / OUTSTANDING;
	wait_for(OUTSTANDING);
	snapshot_end(&b);
	latencies_sort(&late);
	snprintf(extra, sizeof extra,
		"add_ns=%.1f bytes_each=%.1f async_p50=%.1f async_p99=%.1f sync_p50=%.1f sync_p99=%.1f",
		add_ns, bytes, percentile_us(&late, 0.5), percentile_us(&late, 0.99), sync_p50, sync_p99);
	report(&a, &b, OUTSTANDING, NULL, extra);
}
