/* PROTO: test.mx */
/*
 * Requests kept by MINIRPC_PENDING, as the callers see it: replied to from the
 * handler itself, from another thread before the handler has returned, after
 * many other calls, in reverse order, with an error.
 */
#include "calls.h"
#include "keep.h"

enum { CALLERS = 24 };

static struct counter replied = COUNTER_INIT, returned = COUNTER_INIT;
static struct pair p;

enum what { FROM_HANDLER = 100, OTHER_THREAD, ERROR_FROM_HANDLER };

static void *reply(void *arg)
{
	number n = 7;

	CHECK_EQ(test_later_send_async_reply(arg, &n), MINIRPC_OK);
	counter_add(&replied, 1);
	return NULL;
}

static mrpc_status_t later(void *data, struct mrpc_message *msg, number *in, number *out)
{
	number n = 6;

	(void)data;
	*out = 99999;           /* nobody sees it */
	switch (*in) {
	case FROM_HANDLER:
		CHECK_EQ(test_later_send_async_reply(msg, &n), MINIRPC_OK);
		break;
	case ERROR_FROM_HANDLER:
		CHECK_EQ(test_later_send_async_reply_error(msg, 55), MINIRPC_OK);
		break;
	case OTHER_THREAD:
		thread_join(thread_start(reply, msg));
		/* The caller has its reply while this handler runs. */
		COUNTER_WAIT(&returned, 1);
		break;
	default:
		return keep(msg);
	}
	return MINIRPC_PENDING;
}

static const struct test_server_operations ops = { .later = later, .add = answer_add };

static void call(number what, mrpc_status_t want_status, int want)
{
	number *out = NULL;

	CHECK_EQ(test_later(p.client, &what, &out), want_status);
	CHECK_EQ(out != NULL, want_status == MINIRPC_OK);
	if (out != NULL)
		CHECK_EQ(*out, want);
	free_number(out, 1);
}

static void *kept_call(void *arg)
{
	int n = (int)(intptr_t)arg;

	call(n, n % 5 == 4 ? 1000 + n : MINIRPC_OK, n * n);
	counter_add(&returned, 1);
	return NULL;
}

int main(void)
{
	pthread_t threads[CALLERS];
	struct leaks leaks;
	number n;
	int i, k;

	leaks_begin(&leaks);
	pair_open(&p, PAIR_SOCKETPAIR, test_client, test_server);
	REQUIRE_EQ(test_server_set_operations(p.server, &ops), 0);

	SECTION("the handler replies, then returns PENDING");
	for (i = 0; i < 100; i++)
		call(FROM_HANDLER, MINIRPC_OK, 6);
	call(ERROR_FROM_HANDLER, 55, 0);

	SECTION("another thread replies before the handler returns");
	for (i = 0; i < 20; i++) {
		counter_init(&returned);
		call(OTHER_THREAD, MINIRPC_OK, 7);
		counter_add(&returned, 1);
		CHECK(add_is_right(p.client, i, i));    /* the handler has returned */
	}
	counter_init(&returned);

	SECTION("%d calls outstanding, last one replied to first", CALLERS);
	for (i = 0; i < CALLERS; i++) {
		threads[i] = thread_start(kept_call, (void *)(intptr_t)i);
		COUNTER_WAIT(&keeps, i + 1);
	}
	SECTION("after many other calls");
	for (i = 0; i < 1000; i++)
		if (!add_is_right(p.client, i, 1))
			break;
	CHECK_EQ(counter_get(&returned), 0);
	for (i = CALLERS - 1, k = 1; i >= 0; i--, k++) {
		n = i * i;
		if (i % 5 == 4)
			CHECK_EQ(test_later_send_async_reply_error(kept[i], 1000 + i), MINIRPC_OK);
		else
			CHECK_EQ(test_later_send_async_reply(kept[i], &n), MINIRPC_OK);
		thread_join(threads[i]);
		CHECK_EQ(counter_get(&returned), k);
	}
	pair_close(&p);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
