/* W2, W3, W6 and fairness: many calls outstanding, or many callers. */
#define _GNU_SOURCE
#include "workloads.h"

#include "measure.h"
#include "peer.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static double span_seconds(void)
{
	return (double)peer_option("BENCH_MS", 1000) / 1e3;
}

/* ---- W2: a window of asynchronous calls on one connection */

/*
 * thread: the application's thread issues, and sleeps while the window is full
 * until half of it is free. callback: each reply's callback issues the next.
 * Replies come one at a time, from the connection's dispatcher.
 */
static struct {
	void *conn;
	uint64_t sent, total, sum; /* sent is the issuing side's, sum the callback's */
	int reissue;
	_Alignas(64) _Atomic uint64_t done;
	_Atomic uint64_t wake_at;
	sem_t wake;
} flow;

static void issue(void)
{
	peer_async(flow.conn, (int32_t)flow.sent++, NULL);
}

static void flow_reply(int32_t value)
{
	uint64_t done = atomic_load_explicit(&flow.done, memory_order_relaxed) + 1;

	flow.sum += (uint32_t)value;
	if (flow.reissue && flow.sent < flow.total)
		issue();
	atomic_store(&flow.done, done);
	if (done >= atomic_load(&flow.wake_at) &&
		atomic_exchange(&flow.wake_at, UINT64_MAX) != UINT64_MAX)
		sem_post(&flow.wake);
}

static void wait_done(uint64_t count)
{
	atomic_store(&flow.wake_at, count);
	if (atomic_load(&flow.done) >= count &&
		atomic_exchange(&flow.wake_at, UINT64_MAX) != UINT64_MAX)
		return;
	while (sem_wait(&flow.wake))
		;
}

static void run_flow(void *conn, int window, uint64_t total)
{
	uint64_t first = total < (uint64_t)window ? total : (uint64_t)window, want = 0;

	flow.conn = conn;
	flow.sent = flow.sum = 0;
	flow.total = total;
	flow.reissue = getenv("BENCH_SHAPE") && !strcmp(getenv("BENCH_SHAPE"), "callback");
	atomic_store(&flow.done, 0);
	atomic_store(&flow.wake_at, UINT64_MAX);
	if (flow.reissue) {
		/* `sent` passes to the callbacks, which may start with the first call:
		 * it counts the first window from the start. */
		flow.sent = first;
		for (uint64_t i = 0; i < first; i++)
			peer_async(conn, (int32_t)i, NULL);
	} else {
		while (flow.sent < total) {
			if (flow.sent - atomic_load(&flow.done) >= (uint64_t)window)
				wait_done(flow.sent - (uint64_t)window / 2);
			issue();
		}
	}
	wait_done(total);
	for (uint64_t i = 0; i < total; i++)
		want += (uint32_t)(i + 1);
	if (flow.sum != want)
		peer_die("wrong replies");
}

/* ---- fair, callback shape: each connection's reply issues its next call */

struct busy {
	void *conn;
	struct latencies l;
	uint64_t since;
	int32_t x;
};

static atomic_int stop, running;

static void busy_reply(struct busy *b, int32_t value)
{
	uint64_t now = now_ns();

	if (value != b->x + 1)
		peer_die("wrong reply");
	latencies_add(&b->l, now - b->since);
	if (atomic_load(&stop)) {
		atomic_fetch_sub(&running, 1);
		return;
	}
	b->since = now;
	b->x = value;
	peer_async(b->conn, b->x, b);
}

void bench_replied(void *arg, int32_t value)
{
	if (arg)
		busy_reply(arg, value);
	else
		flow_reply(value);
}

/* ---- totals of W2 and W6 are fitted to the wanted length first */

static void measure_total(void (*run)(void *conn, uint64_t total), void *conn)
{
	uint64_t total = (uint64_t)peer_option("BENCH_CALLS", 0), trial = 4000, start;
	struct snapshot a, b;
	double seconds;

	run(conn, 2000);
	for (; total == 0; trial *= 2) {
		start = now_ns();
		run(conn, trial);
		seconds = (double)(now_ns() - start) * 1e-9;
		if (seconds > 0.1)
			total = (uint64_t)((double)trial * span_seconds() / seconds);
	}
	snapshot_start(&a);
	run(conn, total);
	snapshot_end(&b);
	report(&a, &b, total, NULL, "");
}

static void pipeline(void *conn, uint64_t total)
{
	int window = (int)peer_option("BENCH_WINDOW", 256);

	if (peer_async)
		run_flow(conn, window, total);
	else
		peer_pipeline(conn, window, total);
}

void run_pipeline(int port, const char *wl)
{
	if (!peer_async && !peer_pipeline)
		peer_die("no such workload here");
	sem_init(&flow.wake, 0, 0);
	measure_total(pipeline, peer_open(port, wl));
}

void run_messages(int port, const char *wl)
{
	if (!peer_messages)
		peer_die("no such workload here");
	measure_total(peer_messages, peer_open(port, wl));
}

/* ---- W3 and fair: a thread per caller */

struct caller {
	void **conns; /* called in turn */
	int count;
	struct latencies l;
	uint64_t calls;
	pthread_t thread;
};

static pthread_barrier_t barrier;

static void *call_until_stopped(void *arg)
{
	struct caller *c = arg;
	uint64_t limit = (uint64_t)peer_option("BENCH_CALLS", 0), last;
	int at = 0;

	for (int i = 0; i < 300 || i < c->count; i++)
		checked_call(c->conns[i % c->count], i);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier); /* the first snapshot is taken */
	last = now_ns();
	while (limit ? c->calls < limit : !atomic_load_explicit(&stop, memory_order_relaxed)) {
		uint64_t now;

		checked_call(c->conns[at], (int32_t)c->calls++);
		at = at + 1 < c->count ? at + 1 : 0;
		now = now_ns();
		latencies_add(&c->l, now - last);
		last = now;
	}
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier); /* alive while its counters are read */
	return NULL;
}

/* Deals `m` connections out to `n` callers; all have the same if there is only one. */
static void deal(struct caller *callers, int n, int m, int port, const char *wl)
{
	for (int i = 0; i < n; i++) {
		callers[i].conns = calloc((size_t)(m / n + 1), sizeof *callers[i].conns);
		if (callers[i].conns == NULL)
			peer_die("calloc");
	}
	for (int i = 0; i < m; i++) {
		struct caller *c = &callers[i % n];

		c->conns[c->count++] = peer_open(port, wl);
	}
	for (int i = m; i < n; i++)
		callers[i].conns[callers[i].count++] = callers[0].conns[0];
}

/* `n` callers and `m` connections: as many, more, or one. */
static struct caller *run_threads(int n, int m, int port, const char *wl, struct snapshot *a,
	struct snapshot *b)
{
	struct caller *callers = calloc((size_t)n, sizeof *callers);

	if (callers == NULL)
		peer_die("calloc");
	pthread_barrier_init(&barrier, NULL, (unsigned)n + 1);
	deal(callers, n, m, port, wl);
	for (int i = 0; i < n; i++)
		latencies_init(&callers[i].l, 1 << 16);
	for (int i = 0; i < n; i++)
		if (pthread_create(&callers[i].thread, NULL, call_until_stopped, &callers[i]))
			peer_die("pthread_create");
	pthread_barrier_wait(&barrier);
	snapshot_start(a);
	pthread_barrier_wait(&barrier);
	if (peer_option("BENCH_CALLS", 0) == 0) {
		usleep((useconds_t)(span_seconds() * 1e6));
		atomic_store(&stop, 1);
	}
	pthread_barrier_wait(&barrier);
	snapshot_end(b);
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < n; i++)
		pthread_join(callers[i].thread, NULL);
	return callers;
}

void run_callers(int port, const char *wl)
{
	int n = (int)peer_option("BENCH_CALLERS", 16);
	int m = !strcmp(wl, "w3s") ? 1 : fitting((int)peer_option("BENCH_CONNECTIONS", n));
	uint64_t calls = 0, fewest = UINT64_MAX;
	struct latencies all;
	struct snapshot a, b;
	struct caller *callers;
	char extra[64];

	callers = run_threads(n, m, port, wl, &a, &b);
	latencies_init(&all, (uint64_t)n << 16);
	for (int i = 0; i < n; i++) {
		latencies_append(&all, &callers[i].l);
		calls += callers[i].calls;
		if (callers[i].calls < fewest)
			fewest = callers[i].calls;
	}
	/* the slowest caller's part of an even share */
	snprintf(extra, sizeof extra, "even=%.3f", (double)fewest * n / (double)calls);
	report(&a, &b, calls, &all, extra);
}

static struct busy *run_busy(int n, int port, const char *wl, struct snapshot *a,
	struct snapshot *b)
{
	struct busy *conns = calloc((size_t)n, sizeof *conns);

	if (conns == NULL)
		peer_die("calloc");
	atomic_store(&running, n);
	for (int i = 0; i < n; i++) {
		conns[i].conn = peer_open(port, wl);
		checked_call(conns[i].conn, i);
		latencies_init(&conns[i].l, 1 << 16);
	}
	snapshot_start(a);
	for (int i = 0; i < n; i++) {
		conns[i].since = now_ns();
		peer_async(conns[i].conn, conns[i].x, &conns[i]);
	}
	usleep((useconds_t)(span_seconds() * 1e6));
	atomic_store(&stop, 1);
	while (atomic_load(&running))
		usleep(1000);
	snapshot_end(b);
	return conns;
}

/* The worst connection's p99 against the median of all calls. */
void run_fairness(int port, const char *wl)
{
	int n = (int)peer_option("BENCH_BUSY", 50);
	int callbacks = peer_async && getenv("BENCH_SHAPE") != NULL;
	struct caller *callers = NULL;
	struct busy *conns = NULL;
	struct latencies all;
	struct snapshot a, b;
	double worst = 0;
	char extra[64];

	if (callbacks)
		conns = run_busy(n, port, wl, &a, &b);
	else
		callers = run_threads(n, n, port, wl, &a, &b);
	latencies_init(&all, (uint64_t)n << 16);
	for (int i = 0; i < n; i++) {
		struct latencies *l = callbacks ? &conns[i].l : &callers[i].l;
		double p99;

		latencies_append(&all, l);
		latencies_sort(l);
		p99 = percentile_us(l, 0.99);
		if (p99 > worst)
			worst = p99;
	}
	latencies_sort(&all);
	snprintf(extra, sizeof extra, "worst_p99=%.2f unfair=%.3f", worst,
		worst / percentile_us(&all, 0.5));
	report(&a, &b, all.count, &all, extra);
}
