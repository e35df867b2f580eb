/* PROTO: test.mx */
/* NEEDS: additions */
/*
 * Late replies: to calls that had begun to leave and ended early. As many are dropped without a
 * word as there were such calls, whatever they carry; no more, none with a number that was not
 * given, and no answers to messages. Stats count them.
 */
#include "timeouts.h"

enum { CALLS = 20 };

static struct counter called = COUNTER_INIT;

static void on_get(void *data, void *private, mrpc_status_t status, number *reply)
{
	(void)data;
	(void)private;
	(void)reply;
	CHECK(status == TIMEDOUT || status == CANCELLED);
	counter_add(&called, 1);
}

static uint64_t late_replies(struct end *e)
{
	struct mrpc_conn_stats s = { .size = sizeof(s) };

	CHECK_EQ(mrpc_conn_get_stats(e->conn, &s), 0);
	return s.late_replies;
}

int main(void)
{
	struct mrpc_set_stats stats = { .size = sizeof(stats) };
	static char large[70000];
	uint32_t seqs[CALLS], oldest;
	struct leaks leaks;
	mrpc_call_t call;
	struct end e;
	number n = 1;
	int i;

	leaks_begin(&leaks);
	SECTION("%d calls that end early", CALLS);
	end_open_client(&e, &no_ops, 1);
	for (i = 0; i < CALLS; i++) {
		struct mrpc_call_options o = with(i % 2 ? 1500 : 0, &call);

		CHECK_EQ(test_get_async_with(e.conn, &o, on_get, NULL), MINIRPC_OK);
		seqs[i] = peer_request(e.fd, nr_test_get);
		if (i % 2 == 0)
			CHECK_EQ(mrpc_call_cancel(e.conn, call), 0);
	}
	COUNTER_WAIT(&called, CALLS);
	CHECK_EQ(test_notify(e.conn, &n), MINIRPC_OK);

	SECTION("their replies: OK, an error, malformed, of another command, too long, in pieces");
	peer_reply_number(e.fd, seqs[5], nr_test_get, 1);
	peer_send(e.fd, seqs[4], 77, nr_test_get, NULL, 0);
	peer_send(e.fd, seqs[3], MINIRPC_OK, nr_test_get, "abc", 3);
	peer_send(e.fd, seqs[2], MINIRPC_OK, nr_test_add, "abcd", 4);
	peer_send(e.fd, seqs[1], MINIRPC_OK, nr_test_get, large, sizeof(large));
	peer_send(e.fd, seqs[0], 5, nr_test_get, large, sizeof(large));
	for (i = 6; i < CALLS - 1; i++)
		peer_reply_number(e.fd, seqs[i], nr_test_get, i);
	WAIT_FOR(late_replies(&e) == CALLS - 1);
	CHECK_EQ(counter_get(&e.probe.ioerrs), 0);

	SECTION("a number that was not given, or an answer to a message, is none");
	peer_reply_number(e.fd, seqs[CALLS - 1] + 100, nr_test_get, 1);
	COUNTER_WAIT(&e.probe.ioerrs, 1);
	peer_send(e.fd, seqs[CALLS - 1] + 1, MINIRPC_PROCEDURE_UNAVAIL, nr_test_notify, NULL, 0);
	COUNTER_WAIT(&e.probe.ioerrs, 2);
	CHECK_EQ(late_replies(&e), CALLS - 1);

	SECTION("nor is a number from before the last 2^31; the oldest of those is the last one");
	oldest = seqs[CALLS - 1] + 2 - (1u << 31);
	peer_reply_number(e.fd, oldest - 1, nr_test_get, 1);
	COUNTER_WAIT(&e.probe.ioerrs, 3);
	CHECK_EQ(late_replies(&e), CALLS - 1);
	peer_reply_number(e.fd, oldest, nr_test_get, 1);
	WAIT_FOR(late_replies(&e) == CALLS);
	CHECK_EQ(counter_get(&e.probe.ioerrs), 3);

	SECTION("any other is reported");
	peer_reply_number(e.fd, seqs[CALLS - 1], nr_test_get, 1);
	COUNTER_WAIT(&e.probe.ioerrs, 4);

	SECTION("what the set has counted");
	CHECK_EQ(mrpc_get_stats(e.set, &stats), 0);
	CHECK_EQ(stats.late_replies, CALLS);
	CHECK_EQ(stats.calls_made, CALLS);
	CHECK_EQ(stats.calls_timed_out, CALLS / 2);
	CHECK_EQ(stats.calls_cancelled, CALLS / 2);
	CHECK_EQ(stats.calls_outstanding, 0);
	end_close(&e);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
