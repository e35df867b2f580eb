/* PROTO: test.mx */
/* Ready connections are served one event each in turn. */
#include "extra_rt.h"

enum { CONNS = 5, EVENTS = 30 };

static struct trace trace = TRACE_INIT;

static void notify(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	trace_add(&trace, *in);
}

static const struct test_server_operations ops = { .notify = notify };

int main(void)
{
	struct mrpc_connection *conns[CONNS];
	struct probe probes[CONNS];
	int peers[CONNS], i, j;
	struct end e;

	end_open_server(&e, &ops, BY_HAND);
	for (i = 0; i < CONNS; i++) {
		probe_init(&probes[i]);
		peers[i] = end_add(e.set, &conns[i], &probes[i], false);
		REQUIRE_EQ(test_server_set_operations(conns[i], &ops), 0);
		/* All are there before any may run. */
		REQUIRE_EQ(mrpc_stop_events(conns[i]), 0);
		for (j = 0; j < EVENTS; j++)
			peer_number(peers[i], 0, nr_test_notify, i * EVENTS + j);
		WAIT_FOR(conn_count(conns[i], MRPC_CONNCTR_RECV_MSGS) == EVENTS);
	}

	for (i = 0; i < CONNS; i++)
		REQUIRE_EQ(mrpc_start_events(conns[i]), 0);

	SECTION("one event of each connection in turn, on one dispatcher");
	CHECK_EQ(mrpc_dispatch(e.set, 0), EAGAIN);
	CHECK_EQ(trace_len(&trace), CONNS * EVENTS);
	for (i = 0; i < EVENTS; i++) {
		int seen[CONNS] = { 0 };

		for (j = 0; j < CONNS; j++) {
			int value = trace.values[i * CONNS + j];

			CHECK_EQ(value % EVENTS, i);
			seen[value / EVENTS]++;
		}
		for (j = 0; j < CONNS; j++)
			CHECK_EQ(seen[j], 1);
	}

	SECTION("a connection that keeps coming does not push others back");
	trace_clear(&trace);
	for (i = 0; i < 2; i++)
		REQUIRE_EQ(mrpc_stop_events(conns[i]), 0);
	for (j = 0; j < EVENTS; j++)
		peer_number(peers[0], 0, nr_test_notify, 0);
	peer_number(peers[1], 0, nr_test_notify, 1);
	WAIT_FOR(conn_count(conns[0], MRPC_CONNCTR_RECV_MSGS) == 2 * EVENTS &&
		 conn_count(conns[1], MRPC_CONNCTR_RECV_MSGS) == EVENTS + 1);
	for (i = 0; i < 2; i++)
		REQUIRE_EQ(mrpc_start_events(conns[i]), 0);
	CHECK_EQ(mrpc_dispatch(e.set, 2), 0);
	CHECK_EQ(trace_len(&trace), 2);
	CHECK_EQ(trace.values[0] + trace.values[1], 1);
	CHECK_EQ(mrpc_dispatch(e.set, 0), EAGAIN);

	for (i = 0; i < CONNS; i++) {
		close(peers[i]);
		DISPATCH_UNTIL(e.set, counter_get(&probes[i].disconnects) == 1);
		mrpc_conn_unref(conns[i]);
	}
	end_close(&e);
	return tap_done();
}
