/* PROTO: test.mx */
/* A sync call needs no dispatcher on the caller's side, from one thread or from
 * many, also while events are queued that nobody dispatches. */
#include "calls.h"

enum { THREADS = 4, CALLS = 100 };

static struct pair p;
static mrpc_status_t put(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	return test_event(p.server, in);
}

static const struct test_server_operations server_ops = { .add = answer_add, .put = put };
static const struct test_client_operations client_ops = { .event = count_notify };

static void *call(void *arg)
{
	int i;

	(void)arg;
	for (i = 0; i < CALLS; i++) {
		if (!add_is_right(p.client, i, 7))
			break;
		if (!CHECK_EQ(test_put(p.client, &i), MINIRPC_OK))
			break;
	}
	return NULL;
}

int main(void)
{
	pthread_t threads[THREADS];
	struct leaks leaks;
	int kind, i;

	leaks_begin(&leaks);
	for (kind = PAIR_SOCKETPAIR; kind <= PAIR_TCP; kind++) {
		counter_init(&notified);
		pair_open(&p, kind | PAIR_NO_CLIENT_DISPATCH, test_client, test_server);
		REQUIRE_EQ(test_server_set_operations(p.server, &server_ops), 0);
		REQUIRE_EQ(test_client_set_operations(p.client, &client_ops), 0);
		SECTION("one thread, kind %d", kind);
		call(NULL);
		SECTION("%d threads, kind %d", THREADS, kind);
		for (i = 0; i < THREADS; i++)
			threads[i] = thread_start(call, NULL);
		for (i = 0; i < THREADS; i++)
			thread_join(threads[i]);
		CHECK_EQ(counter_get(&notified), 0);
		SECTION("the messages have waited");
		mrpc_dispatcher_add(p.client_set);
		DISPATCH_UNTIL(p.client_set, counter_get(&notified) == (THREADS + 1) * CALLS);
		mrpc_dispatcher_remove(p.client_set);
		pair_close(&p);
	}
	LEAKS_CHECK(&leaks);
	return tap_done();
}
