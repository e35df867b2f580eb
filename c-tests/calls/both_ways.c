/* PROTO: test.mx */
/* Threads at both ends call over one connection at the same time, sync, async
 * and one-way. */
#include "calls.h"

enum { THREADS = 3, CALLS = 100 };

static struct pair p;
static struct counter to_server = COUNTER_INIT, to_client = COUNTER_INIT;
static struct counter replies = COUNTER_INIT;

static void notify(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	counter_add(&to_server, *in);
}

static void event(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	counter_add(&to_client, *in);
}

static const struct test_server_operations server_ops = { .add = answer_add, .notify = notify };
static const struct test_client_operations client_ops = {
	.client_add = answer_add, .event = event
};

static void on_reply(void *data, void *private, mrpc_status_t status, number *reply)
{
	(void)data;
	CHECK_EQ(status, MINIRPC_OK);
	if (CHECK(reply != NULL))
		CHECK_EQ(*reply, (intptr_t)private);
	counter_add(&replies, 1);
}

static void *client(void *arg)
{
	number one = 1;
	int i;

	(void)arg;
	for (i = 0; i < CALLS; i++) {
		operands in = { i, 5 };

		CHECK_EQ(test_add_async(p.client, on_reply, (void *)(intptr_t)(i + 5), &in),
			 MINIRPC_OK);
		CHECK_EQ(test_notify(p.client, &one), MINIRPC_OK);
		if (!add_is_right(p.client, i, 1000))
			break;
	}
	return NULL;
}

static void *server(void *arg)
{
	number one = 1;
	int i;

	(void)arg;
	for (i = 0; i < CALLS; i++) {
		operands in = { i, 6 };

		CHECK_EQ(test_client_add_async(p.server, on_reply, (void *)(intptr_t)(i + 6),
					       &in), MINIRPC_OK);
		CHECK_EQ(test_event(p.server, &one), MINIRPC_OK);
		if (!client_add_is_right(p.server, i, 2000))
			break;
	}
	return NULL;
}

int main(void)
{
	pthread_t threads[2 * THREADS];
	struct leaks leaks;
	int kind, i;

	leaks_begin(&leaks);
	for (kind = PAIR_SOCKETPAIR; kind <= PAIR_TCP; kind++) {
		SECTION("%d threads at each end, kind %d", THREADS, kind);
		counter_init(&to_server);
		counter_init(&to_client);
		counter_init(&replies);
		pair_open(&p, kind, test_client, test_server);
		REQUIRE_EQ(test_server_set_operations(p.server, &server_ops), 0);
		REQUIRE_EQ(test_client_set_operations(p.client, &client_ops), 0);
		for (i = 0; i < 2 * THREADS; i++)
			threads[i] = thread_start(i % 2 ? client : server, NULL);
		for (i = 0; i < 2 * THREADS; i++)
			thread_join(threads[i]);
		COUNTER_WAIT(&replies, 2 * THREADS * CALLS);
		COUNTER_WAIT(&to_server, THREADS * CALLS);
		COUNTER_WAIT(&to_client, THREADS * CALLS);
		pair_close(&p);
		CHECK_EQ(counter_get(&replies), 2 * THREADS * CALLS);
		CHECK_EQ(counter_get(&to_server), THREADS * CALLS);
		CHECK_EQ(counter_get(&to_client), THREADS * CALLS);
	}
	LEAKS_CHECK(&leaks);
	return tap_done();
}
