/*
 * mrpc_connect_async: the callback is called once, as the first event, in a dispatcher; with
 * an error, the handle can be used again, also within the callback; one that is connecting is
 * not connected again; it can be used from the moment that it stands, and is active until the
 * callback has returned.
 */
/* PROTO: test.mx */
/* NEEDS: additions */
#include "attempt.h"

static struct mrpc_conn_set *set;
static struct counter messages = COUNTER_INIT;

static void try_again(struct attempt *a)
{
	a->then = NULL;
	a->result = attempt_tcp(a, a->port);
}

static void connect_now(struct attempt *a)
{
	a->then = NULL;
	a->result = mrpc_connect(a->conn, AF_INET, "127.0.0.1", a->port);
}

static void call_out(struct attempt *a)
{
	a->result = test_ping(a->conn);
}

/* Messages arrive after the callback, not before. */
static void client_event(void *conn_data, struct mrpc_message *msg, number *n)
{
	struct attempt *a = conn_data;

	(void)msg;
	(void)n;
	CHECK_EQ(counter_get(&a->told), 1);
	counter_add(&messages, 1);
}

static const struct test_client_operations client_ops = { .event = client_event };

/* The server's first word. */
static void greet(int listener)
{
	unsigned char payload[4] = { 0 };
	int peer = peer_accept(listener);

	peer_send(peer, 1, PENDING, nr_test_event, payload, sizeof(payload));
	peer_read(peer, payload, 1);    /* until it closes */
	close(peer);
}

static void *greet_thread(void *arg)
{
	greet((int)(intptr_t)arg);
	return NULL;
}

int main(void)
{
	struct mrpc_conn_set *quiet, *server;
	struct attempt a;
	struct place place;
	struct full full;
	struct leaks leaks;
	char *port = NULL, closed[8], greeter[8], too_long[109] = "";
	pthread_t thread;
	int listener, fds[2];

	leaks_begin(&leaks);
	close(peer_listen(closed));
	place_open(&place);
	REQUIRE_EQ(mrpc_listen(place.set, AF_INET, "127.0.0.1", &port), 0);
	full_open(&full);
	set = client_open();

	SECTION("it connects, and tells so; the connection can be used in the callback");
	attempt_init(&a, set);
	a.then = call_out;
	CHECK_EQ(attempt_tcp(&a, port), 0);
	COUNTER_WAIT(&a.told, 1);
	CHECK_EQ(a.error, 0);
	CHECK_EQ(a.result, MINIRPC_OK);
	use(a.conn);
	error_is(a.conn, "");
	STAYS(counter_get(&a.told) == 1, 50);

	SECTION("EINVAL: a handle that is connected; no callback");
	CHECK_EQ(attempt_tcp(&a, port), EINVAL);
	STAYS(counter_get(&a.told) == 1, 50);
	attempt_end(&a);
	CHECK_EQ(a.probe.reason, MRPC_DISC_USER);

	SECTION("EINVAL: NULLs, a server's set; ENAMETOOLONG, ENOENT: at once, no callback");
	attempt_init(&a, set);
	CHECK_EQ(mrpc_connect_async(NULL, AF_INET, NULL, port, attempt_told, &a), EINVAL);
	CHECK_EQ(mrpc_connect_async(a.conn, AF_INET, NULL, NULL, attempt_told, &a), EINVAL);
	CHECK_EQ(mrpc_connect_async(a.conn, AF_INET, NULL, port, NULL, &a), EINVAL);
	CHECK_EQ(mrpc_connect_async(a.conn, AF_INET, "127.0.0.1", "no-such-service", attempt_told,
				    &a), ENOENT);
	memset(too_long, 'p', sizeof(too_long) - 1);
	CHECK_EQ(mrpc_connect_async(a.conn, AF_UNIX, too_long, "", attempt_told, &a), ENAMETOOLONG);
	STAYS(counter_get(&a.told) == 0, 50);
	CHECK_EQ(mrpc_conn_close(a.conn), ENOTCONN);

	SECTION("refused: the error, its reason, and another try within the callback");
	a.port = port;
	a.then = try_again;
	CHECK_EQ(attempt_tcp(&a, closed), 0);
	COUNTER_WAIT(&a.told, 2);
	CHECK_EQ(a.result, 0);
	CHECK_EQ(a.error, 0);
	use(a.conn);
	attempt_end(&a);
	attempt_init(&a, set);
	CHECK_EQ(attempt_tcp(&a, closed), 0);
	COUNTER_WAIT(&a.told, 1);
	CHECK_EQ(a.error, ECONNREFUSED);
	CHECK_EQ(mrpc_conn_close(a.conn), ENOTCONN);
	CHECK_EQ(test_ping(a.conn), MINIRPC_INVALID_ARGUMENT);

	SECTION("by mrpc_connect within the callback");
	a.port = port;
	a.then = connect_now;
	CHECK_EQ(attempt_tcp(&a, closed), 0);
	COUNTER_WAIT(&a.told, 2);
	CHECK_EQ(a.error, ECONNREFUSED);
	CHECK_EQ(a.result, 0);
	use(a.conn);
	attempt_end(&a);

	SECTION("EINVAL: a handle that is connecting");
	attempt_init(&a, set);
	CHECK_EQ(attempt_tcp(&a, full.port), 0);
	CHECK_EQ(attempt_tcp(&a, port), EINVAL);
	CHECK_EQ(mrpc_connect(a.conn, AF_INET, "127.0.0.1", port), EINVAL);
	error_is(a.conn, "the handle is connecting already");
	REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	CHECK_EQ(mrpc_bind_fd(a.conn, fds[0]), EINVAL);
	close(fds[0]);
	close(fds[1]);
	CHECK_EQ(test_ping(a.conn), MINIRPC_INVALID_ARGUMENT);
	CHECK_EQ(counter_get(&a.told), 0);
	CHECK_EQ(mrpc_conn_close(a.conn), 0);
	COUNTER_WAIT(&a.told, 1);
	mrpc_conn_unref(a.conn);

	SECTION("the first event: a message that came at once comes after it");
	listener = peer_listen(greeter);
	thread = thread_start(greet_thread, (void *)(intptr_t)listener);
	attempt_init(&a, set);
	CHECK_EQ(test_client_set_operations(a.conn, &client_ops), 0);
	CHECK_EQ(attempt_tcp(&a, greeter), 0);
	COUNTER_WAIT(&messages, 1);
	attempt_end(&a);
	thread_join(thread);
	close(listener);

	SECTION("without a dispatcher: it stands, can be used, and the callback waits for one");
	REQUIRE_EQ(mrpc_conn_set_create(&quiet, test_client, NULL), 0);
	probe_watch(quiet);
	attempt_init(&a, quiet);
	CHECK_EQ(attempt_tcp(&a, port), 0);
	WAIT_FOR(attempt_stands(&a));
	use(a.conn);
	CHECK_EQ(counter_get(&a.told), 0);
	mrpc_dispatcher_add(quiet);
	DISPATCH_UNTIL(quiet, counter_get(&a.told) == 1);
	CHECK_EQ(a.error, 0);
	CHECK_EQ(mrpc_conn_close(a.conn), 0);
	DISPATCH_UNTIL(quiet, counter_get(&a.probe.disconnects) == 1);
	mrpc_conn_unref(a.conn);

	SECTION("the peer goes before the callback: it is told 0, then the end");
	listener = peer_listen(greeter);
	attempt_init(&a, quiet);
	CHECK_EQ(attempt_tcp(&a, greeter), 0);
	close(peer_accept(listener));
	close(listener);
	DISPATCH_UNTIL(quiet, counter_get(&a.probe.disconnects) == 1);
	CHECK_EQ(counter_get(&a.told), 1);
	CHECK_EQ(a.error, 0);
	CHECK_EQ(a.probe.reason, MRPC_DISC_CLOSED);
	mrpc_conn_unref(a.conn);

	SECTION("stopped events hold it back");
	attempt_init(&a, quiet);
	CHECK_EQ(mrpc_stop_events(a.conn), 0);
	CHECK_EQ(attempt_tcp(&a, port), 0);
	WAIT_FOR(attempt_stands(&a));
	CHECK_EQ(mrpc_dispatch(quiet, 0), EAGAIN);
	CHECK_EQ(counter_get(&a.told), 0);
	CHECK_EQ(mrpc_start_events(a.conn), 0);
	DISPATCH_UNTIL(quiet, counter_get(&a.told) == 1);
	CHECK_EQ(mrpc_conn_close(a.conn), 0);
	DISPATCH_UNTIL(quiet, counter_get(&a.probe.disconnects) == 1);
	mrpc_conn_unref(a.conn);

	SECTION("active without a reference, and the set too, until the callback has returned");
	attempt_init(&a, quiet);
	CHECK_EQ(attempt_tcp(&a, closed), 0);
	mrpc_conn_unref(a.conn);
	mrpc_conn_set_unref(quiet);
	DISPATCH_UNTIL(quiet, counter_get(&a.told) == 1);
	CHECK_EQ(a.error, ECONNREFUSED);
	CHECK_EQ(mrpc_dispatch(quiet, 0), ENXIO);
	mrpc_dispatcher_remove(quiet);

	SECTION("EINVAL: a server's set");
	server = place.set;
	attempt_init(&a, server);
	CHECK_EQ(attempt_tcp(&a, port), EINVAL);
	error_is(a.conn, "a server's set does not connect");
	mrpc_conn_unref(a.conn);

	SECTION("nothing is left");
	full_close(&full);
	place_close(&place);
	mrpc_conn_set_unref(set);
	free(port);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
