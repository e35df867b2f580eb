/* PROTO: test.mx */
/* What one thread sends, messages, async and sync calls in turn, leaves and is
 * handled in that order, while other threads send too. */
#include "calls.h"

enum { THREADS = 3, ROUNDS = 120 };

static struct pair p;
static int at[THREADS];         /* the next value of each thread */

/* thread * 100000 + number */
static void arrive(int value)
{
	int thread = value / 100000;

	CHECK_EQ(value % 100000, at[thread]);
	at[thread] = value % 100000 + 1;
}

static void notify(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	arrive(*in);
}

static mrpc_status_t put(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	arrive(*in);
	return MINIRPC_OK;
}

static const struct test_server_operations ops = { .notify = notify, .put = put };

static struct counter replies = COUNTER_INIT;

static void on_reply(void *data, void *private, mrpc_status_t status)
{
	(void)data;
	(void)private;
	CHECK_EQ(status, MINIRPC_OK);
	counter_add(&replies, 1);
}

static void *send_all(void *arg)
{
	number value = (int)(intptr_t)arg * 100000;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		CHECK_EQ(test_put_async(p.client, on_reply, NULL, &value), MINIRPC_OK);
		value++;
		CHECK_EQ(test_notify(p.client, &value), MINIRPC_OK);
		value++;
		CHECK_EQ(test_notify(p.client, &value), MINIRPC_OK);
		value++;
		CHECK_EQ(test_put_async(p.client, on_reply, NULL, &value), MINIRPC_OK);
		value++;
		if (i % 4 == 0 && !CHECK_EQ(test_put(p.client, &value), MINIRPC_OK))
			break;
		value += i % 4 == 0;
	}
	return NULL;
}

int main(void)
{
	pthread_t threads[THREADS];
	struct leaks leaks;
	int i, kind;

	leaks_begin(&leaks);
	for (kind = PAIR_SOCKETPAIR; kind <= PAIR_TCP; kind++) {
		SECTION("%d threads, kind %d", THREADS, kind);
		memset(at, 0, sizeof(at));
		counter_init(&replies);
		pair_open(&p, kind, test_client, test_server);
		REQUIRE_EQ(mrpc_start_dispatch_thread(p.server_set), 0);
		REQUIRE_EQ(test_server_set_operations(p.server, &ops), 0);
		for (i = 0; i < THREADS; i++)
			threads[i] = thread_start(send_all, (void *)(intptr_t)i);
		for (i = 0; i < THREADS; i++)
			thread_join(threads[i]);
		COUNTER_WAIT(&replies, THREADS * 2 * ROUNDS);
		pair_close(&p);
		for (i = 0; i < THREADS; i++)
			CHECK_EQ(at[i], 4 * ROUNDS + ROUNDS / 4);
	}
	LEAKS_CHECK(&leaks);
	return tap_done();
}
