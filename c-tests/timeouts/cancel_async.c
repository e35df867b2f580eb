/* PROTO: test.mx */
/* NEEDS: additions */
/*
 * mrpc_call_cancel on async calls: the callback comes, once, with MINIRPC_CANCELLED, from a
 * handler and from other threads; the keys of calls that have ended are refused.
 */
#include "timeouts.h"

enum { CALLS = 50 };

static mrpc_call_t calls[CALLS];
static int ended[CALLS][2];     /* times, status */
static struct counter called = COUNTER_INIT;
static struct end e;

static void on_get(void *data, void *private, mrpc_status_t status, number *reply)
{
	intptr_t n = (intptr_t)private;

	(void)data;
	CHECK_EQ(reply != NULL, status == MINIRPC_OK);
	ended[n][0]++;
	ended[n][1] = status;
	/* In the callback, it has ended long since; the next has not. */
	CHECK_EQ(mrpc_call_cancel(e.conn, calls[n]), ENOENT);
	if (n % 10 == 3)
		CHECK_EQ(mrpc_call_cancel(e.conn, calls[n + 1]), 0);
	counter_add(&called, 1);
}

int main(void)
{
	struct leaks leaks;
	uint32_t seqs[CALLS];
	mrpc_status_t want;
	int i;

	leaks_begin(&leaks);
	end_open_client(&e, &no_ops, 2);

	SECTION("some are cancelled, by the thread that made them and by callbacks");
	for (i = 0; i < CALLS; i++) {
		struct mrpc_call_options o = with(0, &calls[i]);

		CHECK_EQ(test_get_async_with(e.conn, &o, on_get, (void *)(intptr_t)i), MINIRPC_OK);
		CHECK(calls[i] != 0 && (i == 0 || calls[i] != calls[i - 1]));
		seqs[i] = peer_request(e.fd, nr_test_get);
	}
	for (i = 0; i < CALLS; i++)
		if (i % 5 == 3)
			CHECK_EQ(mrpc_call_cancel(e.conn, calls[i]), 0);
	COUNTER_WAIT(&called, CALLS / 5 + CALLS / 10);

	SECTION("the others end with their replies, and late ones are dropped");
	for (i = CALLS - 1; i >= 0; i--)
		peer_reply_number(e.fd, seqs[i], nr_test_get, i);
	COUNTER_WAIT(&called, CALLS);
	for (i = 0; i < CALLS; i++) {
		want = i % 5 == 3 || i % 10 == 4 ? CANCELLED : MINIRPC_OK;
		CHECK_EQ(ended[i][0], 1);
		CHECK_EQ(ended[i][1], want);
		CHECK_EQ(mrpc_call_cancel(e.conn, calls[i]), ENOENT);
	}
	CHECK_EQ(counter_get(&e.probe.ioerrs), 0);
	end_close(&e);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
