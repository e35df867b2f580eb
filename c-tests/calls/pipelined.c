/* PROTO: test.mx */
/*
 * Thousands of async calls without waiting, from one thread and from several;
 * from inside a reply callback, each making the next; the replies are dispatched
 * in the order in which the server handled the requests.
 */
#include "calls.h"

enum { CALLS = 4000, THREADS = 4, CHAIN = 1000 };

static struct pair p;
static struct counter replies = COUNTER_INIT, links = COUNTER_INIT;
static bool in_order = true;

static const struct test_server_operations ops = { .add = answer_add, .ping = answer_ping };

static void on_reply(void *data, void *private, mrpc_status_t status, number *reply)
{
	long i = counter_get(&replies);

	(void)data;
	CHECK_EQ(status, MINIRPC_OK);
	if (CHECK(reply != NULL))
		CHECK_EQ(*reply, (intptr_t)private);
	if (in_order)
		CHECK_EQ((intptr_t)private, i);
	counter_add(&replies, 1);
}

static void *call_all(void *arg)
{
	int from = (int)(intptr_t)arg, i;

	for (i = from; i < from + CALLS; i++) {
		operands in = { i - 3, 3 };

		if (!CHECK_EQ(test_add_async(p.client, on_reply, (void *)(intptr_t)i, &in),
			      MINIRPC_OK))
			break;
	}
	return NULL;
}

static void on_ping(void *data, void *private, mrpc_status_t status)
{
	(void)data;
	(void)private;
	CHECK_EQ(status, MINIRPC_OK);
	if (counter_add(&links, 1) < CHAIN)
		CHECK_EQ(test_ping_async(p.client, on_ping, NULL), MINIRPC_OK);
}

int main(void)
{
	pthread_t threads[THREADS];
	struct leaks leaks;
	int kind, i;

	leaks_begin(&leaks);
	for (kind = PAIR_SOCKETPAIR; kind <= PAIR_TCP; kind++) {
		counter_init(&replies);
		counter_init(&links);
		pair_open(&p, kind, test_client, test_server);
		REQUIRE_EQ(test_server_set_operations(p.server, &ops), 0);
		SECTION("%d calls from one thread, kind %d", CALLS, kind);
		in_order = true;
		call_all(NULL);
		COUNTER_WAIT(&replies, CALLS);
		SECTION("%d from each of %d, kind %d", CALLS, THREADS, kind);
		in_order = false;
		for (i = 0; i < THREADS; i++)
			threads[i] = thread_start(call_all, (void *)(intptr_t)(i * CALLS));
		for (i = 0; i < THREADS; i++)
			thread_join(threads[i]);
		COUNTER_WAIT(&replies, (1 + THREADS) * CALLS);
		SECTION("each callback makes the next call, kind %d", kind);
		CHECK_EQ(test_ping_async(p.client, on_ping, NULL), MINIRPC_OK);
		COUNTER_WAIT(&links, CHAIN);
		pair_close(&p);
		CHECK_EQ(counter_get(&replies), (1 + THREADS) * CALLS);
	}
	LEAKS_CHECK(&leaks);
	return tap_done();
}
