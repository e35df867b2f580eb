/* PROTO: test.mx */
/* MODES: plain (measures time) */
/*
 * An application that polls the event descriptor is told at once, not after a
 * tick of the library: by messages after silence, and by replies to async calls
 * of its own.
 */
#include "extra_rt.h"

enum { ROUNDS = 41 };

static struct counter seen = COUNTER_INIT;

static void tick(void *data, struct mrpc_message *msg)
{
	(void)data;
	(void)msg;
	counter_add(&seen, 1);
}

static const struct test_client_operations ops = { .tick = tick };

static void replied(void *data, void *private, mrpc_status_t status)
{
	(void)data;
	(void)private;
	(void)status;
	counter_add(&seen, 1);
}

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* The answering peer. */
static void *answer(void *arg)
{
	int fd = *(int *)arg, i;
	struct frame f;

	for (i = 0; i < ROUNDS; i++) {
		peer_recv(fd, &f);
		peer_send(fd, f.seq, MINIRPC_OK, f.cmd, NULL, 0);
		free(f.data);
	}
	return NULL;
}

static void measure(struct end *e, const char *what, bool call)
{
	struct pollfd p = { mrpc_get_event_fd(e->set), POLLIN, 0 };
	int64_t took[ROUNDS], start;
	pthread_t thread;
	int i;

	SECTION("%s", what);
	if (call)
		thread = thread_start(answer, &e->fd);
	for (i = 0; i < ROUNDS; i++) {
		struct timespec pause = { 0, i % 2 ? 40000000 : 1000000 };

		nanosleep(&pause, NULL);        /* the library may doze off, or not */
		start = now_us();
		if (call)
			CHECK_EQ(test_ping_async(e->conn, replied, NULL), MINIRPC_OK);
		else
			peer_send(e->fd, 0, PENDING, nr_test_tick, NULL, 0);
		REQUIRE_EQ(poll(&p, 1, 10000), 1);
		took[i] = now_us() - start;
		DISPATCH_UNTIL(e->set, counter_get(&seen) > 0);
		counter_init(&seen);
	}
	if (call)
		thread_join(thread);
	qsort(took, ROUNDS, sizeof(took[0]), by_value);
	tap_note("median %lld us, worst %lld us", (long long)took[ROUNDS / 2],
		 (long long)took[ROUNDS - 1]);
	/* A tick of 1 to 8 ms would be the median. */
	CHECK(took[ROUNDS / 4] < 900);
	CHECK(took[ROUNDS / 2] < 4000);
}

int main(void)
{
	struct end e;

	end_open_client(&e, &ops, BY_HAND);
	measure(&e, "a message", false);
	measure(&e, "the reply to an async call", true);
	end_close(&e);
	return tap_done();
}
