/* W1 and W4 to W8: one thread, one connection in use at a time. */
#define _GNU_SOURCE
#include "workloads.h"

#include "measure.h"
#include "peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

void checked_call(void *conn, int32_t x)
{
	if (peer_call(conn, x) != x + 1)
		peer_die("wrong reply");
}

static uint64_t span_ns(void)
{
	return (uint64_t)peer_option("BENCH_MS", 1000) * 1000000u;
}

/*
 * Calls until the time is over or BENCH_CALLS are made, each timed from the end
 * of the one before: one look at the clock per call.
 */
static uint64_t timed_calls(void *conn, struct latencies *l)
{
	uint64_t limit = (uint64_t)peer_option("BENCH_CALLS", 0), n = 0;
	uint64_t start = now_ns(), last = start, span = span_ns();

	while (limit ? n < limit : last - start < span) {
		uint64_t now;

		checked_call(conn, (int32_t)n++);
		now = now_ns();
		latencies_add(l, now - last);
		last = now;
	}
	return n;
}

/* With a pause between the calls, which each call's time leaves out. */
static uint64_t paused_calls(void *conn, struct latencies *l, long pause_us)
{
	struct timespec pause = { pause_us / 1000000, pause_us % 1000000 * 1000 };
	uint64_t n = 0, start = now_ns(), span = span_ns();

	while (now_ns() - start < span) {
		uint64_t before;

		nanosleep(&pause, NULL);
		before = now_ns();
		checked_call(conn, (int32_t)n++);
		latencies_add(l, now_ns() - before);
	}
	return n;
}

void run_latency(int port, const char *wl)
{
	void *conn = peer_open(port, wl);
	long pause_us = peer_option("BENCH_PAUSE_US", 0);
	struct snapshot a, b;
	struct latencies l;
	uint64_t n;

	latencies_init(&l, 1 << 20);
	for (int i = 0; i < (pause_us ? 20 : 2000); i++)
		checked_call(conn, i);
	snapshot_start(&a);
	n = pause_us ? paused_calls(conn, &l, pause_us) : timed_calls(conn, &l);
	snapshot_end(&b);
	report(&a, &b, n, &l, "");
}

/* Runs `once` until the time is over; `bytes` is what each moves. */
static void run_repeated(void (*once)(void *conn), void *conn, double bytes)
{
	uint64_t limit = (uint64_t)peer_option("BENCH_CALLS", 0), n = 0, span = span_ns(), start;
	struct snapshot a, b;
	char extra[96];
	double gb;

	for (int i = 0; i < 30; i++)
		once(conn);
	snapshot_start(&a);
	start = now_ns();
	while (limit ? n < limit : now_ns() - start < span) {
		once(conn);
		n++;
	}
	snapshot_end(&b);
	gb = (double)n * bytes / 1e9;
	snprintf(extra, sizeof extra, "gbps=%.4f cpu_s_per_gb=%.4f", gb / (b.seconds - a.seconds),
		(b.cpu[0] + b.cpu[1] - a.cpu[0] - a.cpu[1]) / gb);
	report(&a, &b, n, NULL, extra);
}

enum { BLOB = 1 << 20, PAGE = 4096, MALLOCS_PLACE = 16 };
static char *blob;

/* A blob and a page to move it in. */
static char *blob_pages(void)
{
	void *pages;

	if (posix_memalign(&pages, PAGE, BLOB + PAGE))
		peer_die("posix_memalign");
	memset(pages, 7, BLOB + PAGE);
	return pages;
}

static void put_once(void *conn)
{
	peer_put(conn, blob, BLOB);
}

/*
 * Large memory from malloc begins 16 bytes into a page. BENCH_BLOB_AT puts the blob
 * elsewhere: some CPUs copy slowly when the target's place in its page is a few bytes
 * behind the source's, and a frame's header makes it so.
 */
void run_bulk(int port, const char *wl)
{
	blob = blob_pages() + peer_option("BENCH_BLOB_AT", MALLOCS_PLACE) % PAGE;
	run_repeated(put_once, peer_open(port, wl), BLOB);
}

/*
 * w4at: the blob at PLACES places in its page, in turn: how much longer the slowest takes
 * than the fastest. By their medians: a hiccup of the machine is no fault of a place.
 */
void run_places(int port, const char *wl)
{
	enum { PLACES = 32, STEP = PAGE / PLACES };
	void *conn = peer_open(port, wl);
	uint64_t n = 0, span = span_ns(), start, last;
	double slowest = 0, fastest = 0;
	struct latencies l[PLACES];
	struct snapshot a, b;
	char *pages = blob_pages(), extra[128];
	int slowest_at = 0;

	for (int i = 0; i < PLACES; i++) {
		latencies_init(&l[i], 1 << 12);
		peer_put(conn, pages + MALLOCS_PLACE + i * STEP, BLOB);
	}
	snapshot_start(&a);
	start = last = now_ns();
	while (last - start < span || n < 3 * PLACES) {
		int place = (int)(n++ % PLACES);
		uint64_t now;

		peer_put(conn, pages + MALLOCS_PLACE + place * STEP, BLOB);
		now = now_ns();
		latencies_add(&l[place], now - last);
		last = now;
	}
	snapshot_end(&b);
	for (int i = 0; i < PLACES; i++) {
		double us;

		latencies_sort(&l[i]);
		us = percentile_us(&l[i], 0.5);
		if (us > slowest) {
			slowest = us;
			slowest_at = MALLOCS_PLACE + i * STEP;
		}
		if (i == 0 || us < fastest)
			fastest = us;
	}
	snprintf(extra, sizeof extra, "spread=%.3f slowest_us=%.2f fastest_us=%.2f slowest_at=%d",
		slowest / fastest, slowest, fastest, slowest_at);
	report(&a, &b, n, NULL, extra);
}

void run_records(int port, const char *wl)
{
	if (!peer_records)
		peer_die("no such workload here");
	run_repeated(peer_records, peer_open(port, wl), 2.0 * BENCH_RECORDS * 40);
}

void run_numbers(int port, const char *wl)
{
	if (!peer_numbers)
		peer_die("no such workload here");
	run_repeated(peer_numbers, peer_open(port, wl), 4.0 * BENCH_NUMBERS);
}

/* Latency of one connection: its median, and the calls made. */
static double median_latency(void *conn, double *p99)
{
	struct latencies l;
	double p50;

	latencies_init(&l, 1 << 18);
	for (int i = 0; i < 500; i++)
		checked_call(conn, i);
	timed_calls(conn, &l);
	latencies_sort(&l);
	p50 = percentile_us(&l, 0.5);
	*p99 = percentile_us(&l, 0.99);
	free(l.ns);
	return p50;
}

/* Each connection is used once and idles from then on. */
static void open_idle(int port, const char *wl, int n)
{
	for (int i = 0; i < n; i++)
		checked_call(peer_open(port, wl), i);
	usleep(200000);
}

/* How many of `n` connections the limit on descriptors lets be. */
int fitting(int n)
{
	struct rlimit files;
	const int others = 64;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < (rlim_t)(n + others)) {
		fprintf(stderr, "the limit on open files leaves less than %d connections\n", n);
		n = (int)files.rlim_cur - others;
	}
	return n;
}

void run_idle(int port, const char *wl)
{
	int n = fitting((int)peer_option("BENCH_IDLE", 10000)), near = n < 5000 ? n : 5000;
	void *busy = peer_open(port, wl);
	double alone, alone99, beside, beside99, idle_cpu[2];
	struct snapshot a, b, c;
	char extra[320];

	alone = median_latency(busy, &alone99);
	snapshot_start(&a);
	open_idle(port, wl, near);
	beside = median_latency(busy, &beside99);
	open_idle(port, wl, n - near);
	snapshot_end(&b);
	snapshot_start(&c);
	sleep(1);
	for (int side = 0; side < 2; side++)
		idle_cpu[side] = cpu_seconds(side) - c.cpu[side];
	snprintf(extra, sizeof extra,
		"idle=%d srv_bytes=%.0f cli_bytes=%.0f alone_p50=%.2f alone_p99=%.2f beside_p50=%.2f "
		"beside_p99=%.2f cli_idle_ms=%.3f srv_idle_ms=%.3f",
		n, (double)(b.rss_kb[SERVER] - a.rss_kb[SERVER]) * 1024 / n,
		(double)(b.rss_kb[CLIENT] - a.rss_kb[CLIENT]) * 1024 / n, alone, alone99, beside,
		beside99, idle_cpu[CLIENT] * 1e3, idle_cpu[SERVER] * 1e3);
	report(&a, &b, (uint64_t)n, NULL, extra);
}
