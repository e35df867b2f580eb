/* PROTO: test.mx */
/* Many calls outstanding on one connection, sync and async mixed, are replied to
 * in reverse order: each gets its own reply. */
#include "calls.h"

enum { SYNC = 24, ASYNC = 1000, ALL = SYNC + ASYNC };

static struct mrpc_message *kept[ALL];
static struct counter n_kept = COUNTER_INIT, done = COUNTER_INIT;
static struct pair p;
static int last = ALL;

static mrpc_status_t later(void *data, struct mrpc_message *msg, number *in, number *out)
{
	(void)data;
	(void)out;
	kept[*in] = msg;
	counter_add(&n_kept, 1);
	return MINIRPC_PENDING;
}

static const struct test_server_operations ops = { .later = later };

static void *call(void *arg)
{
	number n = (int)(intptr_t)arg, *out = NULL;

	if (CHECK_EQ(test_later(p.client, &n, &out), MINIRPC_OK))
		CHECK_EQ(*out, n + 5);
	free_number(out, 1);
	counter_add(&done, 1);
	return NULL;
}

static void on_reply(void *data, void *private, mrpc_status_t status, number *reply)
{
	int n = (int)(intptr_t)private;

	(void)data;
	CHECK_EQ(status, MINIRPC_OK);
	if (CHECK(reply != NULL))
		CHECK_EQ(*reply, n + 5);
	CHECK(n < last);
	last = n;
	counter_add(&done, 1);
}

int main(void)
{
	pthread_t threads[SYNC];
	struct leaks leaks;
	number n;
	int i;

	leaks_begin(&leaks);
	pair_open(&p, PAIR_SOCKETPAIR, test_client, test_server);
	REQUIRE_EQ(test_server_set_operations(p.server, &ops), 0);
	SECTION("%d outstanding", ALL);
	for (i = 0; i < SYNC; i++)
		threads[i] = thread_start(call, (void *)(intptr_t)i);
	for (i = SYNC; i < ALL; i++)
		CHECK_EQ(test_later_async(p.client, on_reply, (void *)(intptr_t)i, &i),
			 MINIRPC_OK);
	COUNTER_WAIT(&n_kept, ALL);
	CHECK_EQ(counter_get(&done), 0);
	SECTION("the last one first");
	for (i = ALL - 1; i >= 0; i--) {
		n = i + 5;
		CHECK_EQ(test_later_send_async_reply(kept[i], &n), MINIRPC_OK);
	}
	COUNTER_WAIT(&done, ALL);
	for (i = 0; i < SYNC; i++)
		thread_join(threads[i]);
	pair_close(&p);
	CHECK_EQ(counter_get(&done), ALL);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
