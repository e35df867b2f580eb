/* PROTO: test.mx */
/* mrpc_stop_events and mrpc_start_events nest; what comes meanwhile is queued,
 * in order, and nothing is lost. */
#include "extra_rt.h"

static struct trace trace = TRACE_INIT;
static struct counter replies = COUNTER_INIT;

static void event(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	trace_add(&trace, *in);
}

static const struct test_client_operations ops = { .event = event };

static void replied(void *data, void *private, mrpc_status_t status)
{
	(void)data;
	(void)private;
	CHECK_EQ(status, MINIRPC_OK);
	counter_add(&replies, 1);
}

int main(void)
{
	struct end e, other;
	struct frame f;
	int i;

	end_open_client(&e, &ops, 2);
	end_open_client(&other, &ops, 1);

	SECTION("start without stop is EINVAL");
	CHECK_EQ(mrpc_start_events(e.conn), EINVAL);
	CHECK_EQ(mrpc_stop_events(NULL), EINVAL);
	CHECK_EQ(mrpc_start_events(NULL), EINVAL);

	SECTION("stopped: events of all kinds wait");
	CHECK_EQ(mrpc_stop_events(e.conn), 0);
	CHECK_EQ(mrpc_stop_events(e.conn), 0);
	CHECK_EQ(mrpc_stop_events(e.conn), 0);
	REQUIRE_EQ(test_ping_async(e.conn, replied, NULL), MINIRPC_OK);
	peer_recv(e.fd, &f);
	for (i = 0; i < 100; i++)
		peer_number(e.fd, 0, nr_test_event, i);
	peer_send(e.fd, f.seq, MINIRPC_OK, nr_test_ping, NULL, 0);
	peer_send(e.fd, 99, MINIRPC_OK, nr_test_ping, NULL, 0);         /* ioerr */
	free(f.data);
	STAYS(trace_len(&trace) == 0 && counter_get(&replies) == 0 &&
	      counter_get(&e.probe.ioerrs) == 0, 50);

	SECTION("another connection goes on");
	peer_number(other.fd, 0, nr_test_event, -1);
	TRACE_WAIT(&trace, 1);
	trace_clear(&trace);

	SECTION("as many starts as stops");
	CHECK_EQ(mrpc_start_events(e.conn), 0);
	CHECK_EQ(mrpc_start_events(e.conn), 0);
	STAYS(trace_len(&trace) == 0 && counter_get(&replies) == 0, 50);
	CHECK_EQ(mrpc_start_events(e.conn), 0);
	COUNTER_WAIT(&replies, 1);
	COUNTER_WAIT(&e.probe.ioerrs, 1);
	CHECK_EQ(trace_len(&trace), 100);
	for (i = 0; i < 100; i++)
		CHECK_EQ(trace.values[i], i);
	CHECK_EQ(mrpc_start_events(e.conn), EINVAL);

	SECTION("the disconnect waits, too");
	CHECK_EQ(mrpc_stop_events(e.conn), 0);
	close(e.fd);
	e.fd = -1;
	STAYS(counter_get(&e.probe.disconnects) == 0, 50);
	CHECK_EQ(mrpc_start_events(e.conn), 0);
	end_close(&e);

	SECTION("a connection not yet connected can be stopped");
	REQUIRE_EQ(mrpc_conn_create(&e.conn, other.set, &other.probe), 0);
	CHECK_EQ(mrpc_start_events(e.conn), EINVAL);
	CHECK_EQ(mrpc_stop_events(e.conn), 0);
	CHECK_EQ(mrpc_start_events(e.conn), 0);
	CHECK_EQ(mrpc_start_events(e.conn), EINVAL);
	mrpc_conn_unref(e.conn);
	end_close(&other);
	return tap_done();
}
