/* PROTO: test.mx */
/* NEEDS: additions */
/*
 * The callbacks of calls that ended early do not count against the event limit: the peer is
 * read from, however many of them wait.
 */
#include "timeouts.h"

enum { LIMIT = 8, CALLS = 100, EVENT = 1000 };

static struct trace trace = TRACE_INIT;

static void on_get(void *data, void *private, mrpc_status_t status, number *reply)
{
	(void)data;
	(void)private;
	(void)reply;
	CHECK_EQ(status, CANCELLED);
	trace_add(&trace, 1);
}

static void event(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	trace_add(&trace, EVENT + *in);
}

static const struct test_client_operations ops = { .event = event };

int main(void)
{
	struct leaks leaks;
	mrpc_call_t call;
	struct end e;
	int i;

	leaks_begin(&leaks);
	SECTION("%d callbacks wait, and the limit is %d", CALLS, LIMIT);
	end_open_client(&e, &ops, 1);
	REQUIRE_EQ(mrpc_set_event_limit(e.set, LIMIT, 1 << 20), 0);
	REQUIRE_EQ(mrpc_stop_events(e.conn), 0);
	for (i = 0; i < CALLS; i++) {
		struct mrpc_call_options o = with(0, &call);

		CHECK_EQ(test_get_async_with(e.conn, &o, on_get, NULL), MINIRPC_OK);
		CHECK_EQ(mrpc_call_cancel(e.conn, call), 0);
	}

	SECTION("messages are read up to the limit, and no further");
	for (i = 0; i < LIMIT; i++) {
		peer_event(e.fd, i);
		WAIT_FOR(conn_count(e.conn, MRPC_CONNCTR_RECV_MSGS) == (uint64_t)i + 1);
	}
	peer_event(e.fd, i);
	STAYS(conn_count(e.conn, MRPC_CONNCTR_RECV_MSGS) == LIMIT, 100);

	SECTION("all of them come, in their order");
	REQUIRE_EQ(mrpc_start_events(e.conn), 0);
	TRACE_WAIT(&trace, CALLS + LIMIT + 1);
	for (i = 0; i < CALLS + LIMIT + 1; i++)
		if (!CHECK_EQ(trace.values[i], i < CALLS ? 1 : EVENT + i - CALLS))
			break;
	end_close(&e);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
