/* PROTO: test.mx */
/*
 * disconnect fires exactly once, after everything else, with the reason that
 * came first.
 */
#include "extra_rt.h"

static struct trace trace = TRACE_INIT;
static struct mrpc_connection *conn;
static bool closed_too;         /* by the application: nobody's reply counts */

static void event(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	trace_add(&trace, *in);
}

static void replied(void *data, void *private, mrpc_status_t status)
{
	number n = 0;

	(void)data;
	CHECK_EQ(status, private != NULL && !closed_too ? MINIRPC_OK : MINIRPC_NETWORK_FAILURE);
	trace_add(&trace, private != NULL ? 200 : 100);
	if (private == NULL) {
		CHECK_EQ(test_put(conn, &n), MINIRPC_NETWORK_FAILURE);
		CHECK_EQ(test_ping_async(conn, replied, NULL), MINIRPC_NETWORK_FAILURE);
	}
}

static void disconnected(void *data, enum mrpc_disc_reason reason)
{
	number n = 0;

	(void)data;
	CHECK_EQ(test_put(conn, &n), MINIRPC_NETWORK_FAILURE);
	trace_add(&trace, 1000 + (int)reason);
}

static const struct test_client_operations ops = { .event = event };

/* Three calls are made, of which the last is answered; two messages come; then
 * the peer goes away. */
static int set_up(struct end *e)
{
	struct frame f;
	int i;

	trace_clear(&trace);
	end_open_client(e, &ops, BY_HAND);
	conn = e->conn;
	REQUIRE_EQ(mrpc_set_disconnect_func(e->set, disconnected), 0);
	for (i = 0; i < 3; i++) {
		REQUIRE_EQ(test_ping_async(e->conn, replied, i == 2 ? &trace : NULL),
			   MINIRPC_OK);
		peer_recv(e->fd, &f);
		free(f.data);
	}
	peer_number(e->fd, 0, nr_test_event, 1);
	peer_send(e->fd, f.seq, MINIRPC_OK, nr_test_ping, NULL, 0);
	peer_number(e->fd, 0, nr_test_event, 2);
	return e->fd;
}

static void no_more(struct end *e)
{
	long n = trace_len(&trace);

	mrpc_dispatch(e->set, 0);
	STAYS(trace_len(&trace) == n, 20);
	CHECK_EQ(mrpc_dispatch(e->set, 0), EAGAIN);
	CHECK_EQ(trace_len(&trace), n);
	end_unref(e);
}

int main(void)
{
	struct leaks leaks;
	struct end e;

	leaks_begin(&leaks);
	SECTION("events, then the calls without a reply, then the disconnect");
	close(set_up(&e));
	DISPATCH_UNTIL(e.set, trace_len(&trace) >= 6);
	TRACE_IS(&trace, 1, 200, 2, 100, 100, 1000 + MRPC_DISC_CLOSED);
	no_more(&e);

	SECTION("the peer closes, then the application: CLOSED");
	close(set_up(&e));
	WAIT_FOR(test_ping(e.conn) == MINIRPC_NETWORK_FAILURE);
	closed_too = true;
	CHECK_EQ(mrpc_conn_close(e.conn), 0);
	CHECK_EQ(mrpc_conn_close(e.conn), EALREADY);
	DISPATCH_UNTIL(e.set, trace_len(&trace) > 0 &&
		       trace.values[trace_len(&trace) - 1] >= 1000);
	CHECK_EQ(trace.values[trace_len(&trace) - 1], 1000 + MRPC_DISC_CLOSED);
	no_more(&e);

	SECTION("the application closes, then the peer: USER");
	end_open_client(&e, &ops, BY_HAND);
	conn = e.conn;
	trace_clear(&trace);
	REQUIRE_EQ(mrpc_set_disconnect_func(e.set, disconnected), 0);
	CHECK_EQ(mrpc_conn_close(e.conn), 0);
	close(e.fd);
	DISPATCH_UNTIL(e.set, trace_len(&trace) > 0);
	TRACE_IS(&trace, 1000 + MRPC_DISC_USER);
	no_more(&e);

	SECTION("a connection that never became active has none");
	end_open_client(&e, &ops, BY_HAND);
	REQUIRE_EQ(mrpc_conn_create(&conn, e.set, &e.probe), 0);
	CHECK_EQ(mrpc_conn_close(conn), ENOTCONN);
	mrpc_conn_unref(conn);
	CHECK_EQ(mrpc_dispatch(e.set, 0), EAGAIN);
	CHECK_EQ(counter_get(&e.probe.disconnects), 0);
	end_close(&e);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
