/* PROTO: test.mx */
/* NEEDS: additions */
/*
 * Requests that no handler gets: REQUEST_IN, then REFUSED with the status that was sent.
 * Errors: with the text that the ioerr function is told.
 */
#include "traced.h"

static struct steps steps = STEPS_INIT;

static const struct test_server_operations ops = { .add = answer_add };

static void refused(struct end *e, uint32_t seq, int cmd, const char *data, uint32_t len,
		    int status)
{
	struct step in, no;

	forget_steps(&steps);
	peer_send(e->fd, seq, PENDING, cmd, data, len);
	PEER_EXPECT(e->fd, seq, status, cmd, NULL, 0);
	in = wait_step(&steps, MRPC_TRACE_REQUEST_IN, cmd);
	no = wait_step(&steps, MRPC_TRACE_REFUSED, cmd);
	CHECK_EQ(in.event.sequence, seq);
	CHECK_EQ(in.event.bytes, HEADER_LEN + len);
	CHECK_EQ(no.event.sequence, seq);
	CHECK_EQ(no.event.status, status);
	CHECK(in.event.time_ns <= no.event.time_ns);
	CHECK_EQ(count_steps(&steps, MRPC_TRACE_ANSWERED, cmd), 0);
}

int main(void)
{
	static const char zeros[64];
	struct leaks leaks;
	struct step error;
	struct end e;

	leaks_begin(&leaks);
	end_open_server(&e, &ops, 1);
	REQUIRE_EQ(mrpc_set_trace_func(e.set, note_step, &steps), 0);
	REQUIRE_EQ(mrpc_set_max_buf_len(e.set, 32), 0);
	SECTION("an unknown command");
	refused(&e, 7, 4711, zeros, 4, MINIRPC_PROCEDURE_UNAVAIL);
	CHECK_EQ(count_steps(&steps, MRPC_TRACE_DISPATCHED, 4711), 0);
	CHECK_EQ(set_stats(e.set).requests_refused, 1);

	SECTION("no entry in the table");
	refused(&e, 8, nr_test_absent, zeros, 4, MINIRPC_PROCEDURE_UNAVAIL);
	CHECK_EQ(set_stats(e.set).requests_refused, 2);

	SECTION("a payload that does not decode, with its error");
	refused(&e, 9, nr_test_add, zeros, 12, MINIRPC_ENCODING_ERR);
	CHECK_EQ(count_steps(&steps, MRPC_TRACE_DISPATCHED, nr_test_add), 0);
	error = wait_step(&steps, MRPC_TRACE_ERROR, 0);
	CHECK_EQ(error.event.connection, 1);
	COUNTER_WAIT(&e.probe.ioerrs, 1);
	CHECK_STR(error.text, e.probe.text);
	CHECK_EQ(count_steps(&steps, MRPC_TRACE_ERROR, 0), 1);

	SECTION("a payload over the maximum, with its error");
	refused(&e, 10, nr_test_add, zeros, 64, MINIRPC_ENCODING_ERR);
	error = wait_step(&steps, MRPC_TRACE_ERROR, 0);
	COUNTER_WAIT(&e.probe.ioerrs, 2);
	CHECK_STR(error.text, e.probe.text);

	SECTION("a reply that nobody asked for");
	forget_steps(&steps);
	peer_send(e.fd, 99, MINIRPC_OK, nr_test_client_ping, NULL, 0);
	error = wait_step(&steps, MRPC_TRACE_ERROR, 0);
	COUNTER_WAIT(&e.probe.ioerrs, 3);
	CHECK_STR(error.text, e.probe.text);
	CHECK_EQ(count_steps(&steps, MRPC_TRACE_REPLY_IN, nr_test_client_ping), 0);

	SECTION("a message without a handler arrives, and that is all");
	forget_steps(&steps);
	peer_number(e.fd, 11, nr_test_absent_msg, 1);
	wait_step(&steps, MRPC_TRACE_MESSAGE_IN, nr_test_absent_msg);
	WAIT_FOR(set_stats(e.set).messages_dropped == 1);
	CHECK_EQ(count_steps(&steps, MRPC_TRACE_REFUSED, nr_test_absent_msg), 0);
	end_close(&e);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
