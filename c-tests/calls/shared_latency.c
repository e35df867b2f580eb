/* PROTO: test.mx */
/* MODES: plain (measures time) */
/*
 * Callers that share a connection hear of their replies at once, not after a tick
 * of the library, whoever read for them before: a caller that slept while another
 * one read, and has gone with its own reply; the same, when the other one read the
 * reply of a third, too; an async call, or a message after a silence, on a
 * connection that has carried nothing but sync calls for a while.
 */
#define _GNU_SOURCE
#include "extra_rt.h"
#include "latency.h"

#include <dirent.h>
#include <sched.h>

enum { CALLERS = 3, ROUNDS = 31, SYNC_CALLS = 70 };

static struct end e;

/* ---- sync callers, whose replies come in another order ---- */

static struct caller {
	pthread_t thread;
	bool behind;            /* wakes up behind others */
	int number;
	struct counter go, back;
	int64_t end;
	uint32_t seq;
} callers[CALLERS];

static void *make_calls(void *arg)
{
	const struct sched_param none = { 0 };
	struct caller *c = arg;
	int i;

	c->number = thread_number();
	if (c->behind)
		CHECK_EQ(sched_setscheduler(0, SCHED_BATCH, &none), 0);
	for (i = 1; i <= ROUNDS; i++) {
		COUNTER_WAIT(&c->go, i);
		CHECK_EQ(test_ping(e.conn), MINIRPC_OK);
		c->end = now_us();
		counter_add(&c->back, 1);
	}
	return NULL;
}

/* It has sent its call, and sleeps until the reply is there. */
static void call_begins(struct caller *c)
{
	struct frame f;

	counter_add(&c->go, 1);
	peer_recv(e.fd, &f);
	c->seq = f.seq;
	free(f.data);
	WAIT_FOR(thread_sleeps(c->number));
}

/* The first of n callers reads, the others sleep. When it has gone, the reply of the
 * second is measured; that of the third came with the first one's. */
static void measure(int n, int64_t *took)
{
	struct caller *reader = &callers[0], *slept = &callers[1], *third = &callers[2];
	unsigned char data[2 * HEADER_LEN];
	int i, round;

	for (i = 0; i < n; i++) {
		counter_init(&callers[i].go);
		counter_init(&callers[i].back);
		callers[i].behind = i == 2;
		callers[i].thread = thread_start(make_calls, &callers[i]);
	}
	for (round = 1; round <= ROUNDS; round++) {
		unsigned char *end = data;
		int64_t start;

		for (i = 0; i < n; i++)
			call_begins(&callers[i]);
		pause_ms(20);
		if (n > 2) {
			peer_header(end, third->seq, MINIRPC_OK, nr_test_ping, 0);
			end += HEADER_LEN;
		}
		peer_header(end, reader->seq, MINIRPC_OK, nr_test_ping, 0);
		end += HEADER_LEN;
		peer_write(e.fd, data, (size_t)(end - data));
		/* Awake: it is between two ticks of the library that it has gone. */
		while (counter_get(&reader->back) < round)
			continue;
		start = now_us();
		peer_send(e.fd, slept->seq, MINIRPC_OK, nr_test_ping, NULL, 0);
		COUNTER_WAIT(&slept->back, round);
		took[round - 1] = slept->end - start;
		COUNTER_WAIT(&reader->back, round);
		if (n > 2)
			COUNTER_WAIT(&third->back, round);
	}
	for (i = 0; i < n; i++)
		thread_join(callers[i].thread);
}

static void measure_two(int64_t *took)
{
	measure(2, took);
}

static void measure_three(int64_t *took)
{
	measure(3, took);
}

/* ---- an async call after sync ones ---- */

/* The library's thread that ticks: it has looked, and sleeps until its next look. */
static int ticking;

static int find_thread(const char *name)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *entry;
	int found = 0;

	REQUIRE(tasks != NULL);
	while ((entry = readdir(tasks)) != NULL) {
		char path[300], comm[32] = "";
		FILE *file;

		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", entry->d_name);
		if ((file = fopen(path, "r")) == NULL)
			continue;
		if (fgets(comm, sizeof(comm), file) != NULL &&
		    strncmp(comm, name, strlen(name)) == 0)
			found = atoi(entry->d_name);
		fclose(file);
	}
	closedir(tasks);
	return found;
}

static struct counter seen = COUNTER_INIT;
static int64_t seen_at;

static void replied(void *data, void *private, mrpc_status_t status)
{
	(void)data;
	(void)private;
	CHECK_EQ(status, MINIRPC_OK);
	seen_at = now_us();
	counter_add(&seen, 1);
}

static void *answer(void *arg)
{
	struct frame f;
	int i;

	for (i = 0; i < ROUNDS * (SYNC_CALLS + 1); i++) {
		peer_recv(*(int *)arg, &f);
		peer_send(*(int *)arg, f.seq, MINIRPC_OK, f.cmd, NULL, 0);
		free(f.data);
	}
	return NULL;
}

static void measure_async(int64_t *took)
{
	pthread_t thread = thread_start(answer, &e.fd);
	int i, round;

	counter_init(&seen);
	for (round = 1; round <= ROUNDS; round++) {
		int64_t start;

		for (i = 0; i < SYNC_CALLS; i++)
			REQUIRE_EQ(test_ping(e.conn), MINIRPC_OK);
		while (thread_state(ticking) != 'S')
			continue;
		start = now_us();
		REQUIRE_EQ(test_ping_async(e.conn, replied, NULL), MINIRPC_OK);
		COUNTER_WAIT(&seen, round);
		took[round - 1] = seen_at - start;
	}
	thread_join(thread);
}

/* ---- a message ---- */

static void tick(void *data, struct mrpc_message *msg)
{
	(void)data;
	(void)msg;
	seen_at = now_us();
	counter_add(&seen, 1);
}

static const struct test_client_operations ops = { .tick = tick };

static void measure_message(int64_t *took)
{
	pthread_t thread = thread_start(answer, &e.fd);
	int i, round;

	counter_init(&seen);
	for (round = 1; round <= ROUNDS; round++) {
		int64_t start;

		for (i = 0; i <= SYNC_CALLS; i++)
			REQUIRE_EQ(test_ping(e.conn), MINIRPC_OK);
		pause_ms(80);
		start = now_us();
		peer_send(e.fd, 0, PENDING, nr_test_tick, NULL, 0);
		COUNTER_WAIT(&seen, round);
		took[round - 1] = seen_at - start;
	}
	thread_join(thread);
}

int main(void)
{
	if (getenv("QUIET_MACHINE") == NULL)
		tap_skip("a busy machine is as slow as a fault: QUIET_MACHINE=1 says it is none");
	end_open_client(&e, &ops, 1);
	/* A thread names itself. */
	REQUIRE(WAIT_FOR((ticking = find_thread("minirpc-bg")) > 0));
	SECTION("a caller whose reader has gone");
	latency_check(measure_two, ROUNDS);
	SECTION("a caller whose reader has gone, which had read a third's reply, too");
	latency_check(measure_three, ROUNDS);
	SECTION("an async call after %d sync ones", SYNC_CALLS);
	latency_check(measure_async, ROUNDS);
	SECTION("a message after %d sync calls and a silence", SYNC_CALLS);
	latency_check(measure_message, ROUNDS);
	end_close(&e);
	return tap_done();
}
