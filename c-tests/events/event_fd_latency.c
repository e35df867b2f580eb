/* PROTO: test.mx */
/* MODES: plain (measures time) */
/*
 * An application that polls the event descriptor is told at once, not after a
 * tick of the library: by messages after silence, and by replies to async calls
 * of its own.
 */
#include "extra_rt.h"
#include "latency.h"

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

static struct end e;

static void measure(bool call, int64_t *took)
{
	struct pollfd p = { mrpc_get_event_fd(e.set), POLLIN, 0 };
	pthread_t thread;
	int64_t start;
	int i;

	if (call)
		thread = thread_start(answer, &e.fd);
	for (i = 0; i < ROUNDS; i++) {
		pause_ms(i % 2 ? 40 : 1);       /* the library may doze off, or not */
		start = now_us();
		if (call)
			CHECK_EQ(test_ping_async(e.conn, replied, NULL), MINIRPC_OK);
		else
			peer_send(e.fd, 0, PENDING, nr_test_tick, NULL, 0);
		REQUIRE_EQ(poll(&p, 1, 10000), 1);
		took[i] = now_us() - start;
		DISPATCH_UNTIL(e.set, counter_get(&seen) > 0);
		counter_init(&seen);
	}
	if (call)
		thread_join(thread);
}

static void measure_message(int64_t *took)
{
	measure(false, took);
}

static void measure_call(int64_t *took)
{
	measure(true, took);
}

int main(void)
{
	end_open_client(&e, &ops, BY_HAND);
	SECTION("a message");
	latency_check(measure_message, ROUNDS);
	SECTION("the reply to an async call");
	latency_check(measure_call, ROUNDS);
	end_close(&e);
	return tap_done();
}
