/*
 * mrpc_conn_close while mrpc_connect_async is under way, or its callback has not begun: the
 * callback is told ECANCELED, no disconnect event comes, and the handle is final.
 */
/* PROTO: test.mx */
/* NEEDS: additions */
#include "attempt.h"

#include <poll.h>

static struct mrpc_conn_set *set;

static void close_it(struct attempt *a)
{
	a->result = mrpc_conn_close(a->conn);
}

/* After the callback with ECANCELED. */
static void is_final(struct attempt *a, const char *port)
{
	CHECK_EQ(counter_get(&a->told), 1);
	CHECK_EQ(a->error, ECANCELED);
	error_is(a->conn, "it was closed meanwhile");
	CHECK_EQ(mrpc_conn_close(a->conn), EALREADY);
	CHECK_EQ(attempt_tcp(a, port), EINVAL);
	CHECK_EQ(mrpc_connect(a->conn, AF_INET, "127.0.0.1", port), EINVAL);
	CHECK_EQ(test_ping(a->conn), MINIRPC_NETWORK_FAILURE);
}

static mrpc_status_t call_status;
static struct counter calls = COUNTER_INIT;

static void call_ended(void *conn_data, void *private, mrpc_status_t status)
{
	struct attempt *a = conn_data;

	(void)private;
	CHECK_EQ(counter_get(&a->told), 1);
	call_status = status;
	counter_add(&calls, 1);
}

int main(void)
{
	struct mrpc_conn_set *quiet;
	struct attempt a, b;
	struct place place;
	struct full full;
	struct leaks leaks;
	char *port = NULL, closed[8], silent[8];
	struct pollfd event;
	int listener, peer;

	leaks_begin(&leaks);
	close(peer_listen(closed));
	place_open(&place);
	REQUIRE_EQ(mrpc_listen(place.set, AF_INET, "127.0.0.1", &port), 0);
	full_open(&full);
	set = client_open();
	REQUIRE_EQ(mrpc_conn_set_create(&quiet, test_client, NULL), 0);
	probe_watch(quiet);
	mrpc_dispatcher_add(quiet);
	event = (struct pollfd){ .fd = mrpc_get_event_fd(quiet), .events = POLLIN };

	SECTION("under way");
	attempt_init(&a, set);
	attempt_init(&b, quiet);
	CHECK_EQ(attempt_tcp(&a, full.port), 0);
	CHECK_EQ(attempt_tcp(&b, full.port), 0);
	STAYS(counter_get(&a.told) == 0, 100);
	CHECK_EQ(mrpc_conn_close(a.conn), 0);
	COUNTER_WAIT(&a.told, 1);
	is_final(&a, port);
	CHECK_EQ(mrpc_conn_close(b.conn), 0);
	CHECK_EQ(mrpc_conn_close(b.conn), EALREADY);
	CHECK_EQ(counter_get(&b.told), 0);
	DISPATCH_UNTIL(quiet, counter_get(&b.told) == 1);
	is_final(&b, port);
	CHECK_EQ(mrpc_dispatch(quiet, 0), EAGAIN);
	STAYS(counter_get(&a.probe.disconnects) + counter_get(&b.probe.disconnects) == 0, 50);
	mrpc_conn_unref(a.conn);
	mrpc_conn_unref(b.conn);

	SECTION("between its standing and the callback");
	attempt_init(&a, quiet);
	CHECK_EQ(attempt_tcp(&a, port), 0);
	WAIT_FOR(attempt_stands(&a));
	CHECK_EQ(mrpc_conn_close(a.conn), 0);
	CHECK_EQ(mrpc_conn_close(a.conn), EALREADY);
	COUNTER_WAIT(&place.disconnects, 1);
	CHECK_EQ(counter_get(&a.told), 0);
	DISPATCH_UNTIL(quiet, counter_get(&a.told) == 1);
	is_final(&a, port);
	CHECK_EQ(mrpc_dispatch(quiet, 0), EAGAIN);
	CHECK_EQ(counter_get(&a.probe.disconnects), 0);
	mrpc_conn_unref(a.conn);

	SECTION("with a call outstanding: the callback, then the call's");
	listener = peer_listen(silent);
	attempt_init(&a, quiet);
	CHECK_EQ(attempt_tcp(&a, silent), 0);
	peer = peer_accept(listener);
	WAIT_FOR(test_ping_async(a.conn, call_ended, NULL) == MINIRPC_OK);
	CHECK_EQ(mrpc_conn_close(a.conn), 0);
	DISPATCH_UNTIL(quiet, counter_get(&calls) == 1);
	CHECK_EQ(call_status, MINIRPC_NETWORK_FAILURE);
	is_final(&a, port);
	CHECK_EQ(mrpc_dispatch(quiet, 0), EAGAIN);
	CHECK_EQ(counter_get(&a.probe.disconnects), 0);
	mrpc_conn_unref(a.conn);
	close(peer);

	SECTION("between its end by the peer and the callback");
	attempt_init(&a, quiet);
	CHECK_EQ(attempt_tcp(&a, silent), 0);
	close(peer_accept(listener));
	WAIT_FOR(test_ping(a.conn) == MINIRPC_NETWORK_FAILURE);
	CHECK_EQ(mrpc_conn_close(a.conn), 0);
	CHECK_EQ(mrpc_conn_close(a.conn), EALREADY);
	DISPATCH_UNTIL(quiet, counter_get(&a.told) == 1);
	is_final(&a, port);
	CHECK_EQ(mrpc_dispatch(quiet, 0), EAGAIN);
	CHECK_EQ(counter_get(&a.probe.disconnects), 0);
	mrpc_conn_unref(a.conn);
	close(listener);

	SECTION("between its failure and the callback");
	attempt_init(&a, quiet);
	CHECK_EQ(attempt_tcp(&a, closed), 0);
	REQUIRE_EQ(poll(&event, 1, (int)scaled(10000)), 1);
	CHECK_EQ(attempt_tcp(&a, port), EINVAL);
	CHECK_EQ(mrpc_conn_close(a.conn), 0);
	CHECK_EQ(mrpc_conn_close(a.conn), EALREADY);
	DISPATCH_UNTIL(quiet, counter_get(&a.told) == 1);
	is_final(&a, port);
	CHECK_EQ(mrpc_dispatch(quiet, 0), EAGAIN);
	mrpc_conn_unref(a.conn);

	SECTION("without a reference");
	attempt_init(&a, quiet);
	CHECK_EQ(attempt_tcp(&a, full.port), 0);
	CHECK_EQ(mrpc_conn_close(a.conn), 0);
	mrpc_conn_unref(a.conn);
	DISPATCH_UNTIL(quiet, counter_get(&a.told) == 1);
	CHECK_EQ(a.error, ECANCELED);

	SECTION("within the callback it is an ordinary close");
	attempt_init(&a, set);
	a.then = close_it;
	CHECK_EQ(attempt_tcp(&a, port), 0);
	COUNTER_WAIT(&a.probe.disconnects, 1);
	CHECK_EQ(a.error, 0);
	CHECK_EQ(a.result, 0);
	CHECK_EQ(a.probe.reason, MRPC_DISC_USER);
	mrpc_conn_unref(a.conn);
	attempt_init(&a, set);
	a.then = close_it;
	CHECK_EQ(attempt_tcp(&a, closed), 0);
	COUNTER_WAIT(&a.told, 1);
	CHECK_EQ(a.error, ECONNREFUSED);
	CHECK_EQ(a.result, ENOTCONN);
	mrpc_conn_unref(a.conn);

	SECTION("nothing is left");
	full_close(&full);
	place_close(&place);
	mrpc_dispatcher_remove(quiet);
	mrpc_conn_set_unref(quiet);
	mrpc_conn_set_unref(set);
	free(port);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
