/* The event functions: what they return for every kind of caller. */
/* PROTO: test.mx */
#include "harness.h"

#include <poll.h>
#include "test_client.h"
#include "test_server.h"

static struct counter handled = COUNTER_INIT;
static int released[3];

static void on_poke(void *conn_data, struct mrpc_message *msg)
{
	(void)conn_data;
	(void)msg;
	counter_add(&handled, 1);
}

static void on_notify(void *conn_data, struct mrpc_message *msg, number *in)
{
	(void)conn_data;
	(void)msg;
	(void)in;
	for (int i = 0; i < 3; i++)
		released[i] = mrpc_release_event();
	counter_add(&handled, 1);
}

static const struct test_server_operations ops = { .poke = on_poke, .notify = on_notify };

static bool readable(int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };

	return poll(&p, 1, 0) == 1;
}

/* Messages that have arrived, dispatched or not. */
static uint64_t received(struct mrpc_connection *conn)
{
	uint64_t n = 0;

	CHECK_EQ(mrpc_conn_get_counter(conn, MRPC_CONNCTR_RECV_MSGS, &n), 0);
	return n;
}

int main(void)
{
	struct mrpc_conn_set *set, *other;
	struct leaks leaks;
	struct pair p;
	number n = 1;
	int fd;

	leaks_begin(&leaks);

	SECTION("mrpc_release_event outside a handler: EPERM, also before any set exists");
	CHECK_EQ(mrpc_release_event(), EPERM);
	pair_open(&p, PAIR_SOCKETPAIR | PAIR_NO_SERVER_DISPATCH, test_client, test_server);
	REQUIRE_EQ(test_server_set_operations(p.server, &ops), 0);
	CHECK_EQ(mrpc_release_event(), EPERM);
	set = p.server_set;

	SECTION("EPERM: a thread that is not registered with this set");
	CHECK_EQ(mrpc_dispatch(set, 1), EPERM);
	CHECK_EQ(mrpc_dispatch_loop(set), EPERM);
	REQUIRE_EQ(mrpc_conn_set_create(&other, test_server, NULL), 0);
	mrpc_dispatcher_add(other);
	CHECK_EQ(mrpc_dispatch(set, 1), EPERM);
	CHECK_EQ(mrpc_dispatch_loop(set), EPERM);

	SECTION("a thread may serve several sets");
	mrpc_dispatcher_add(set);
	CHECK_EQ(mrpc_dispatch(set, 1), EAGAIN);
	CHECK_EQ(mrpc_dispatch(other, 1), EAGAIN);
	mrpc_dispatcher_remove(other);
	CHECK_EQ(mrpc_dispatch(other, 1), EPERM);
	CHECK_EQ(mrpc_dispatch(set, 1), EAGAIN);
	mrpc_conn_set_unref(other);

	SECTION("EAGAIN when the queue ran empty, 0 when max was reached");
	fd = mrpc_get_event_fd(set);
	CHECK(fd >= 0);
	CHECK_EQ(mrpc_get_event_fd(set), fd);
	CHECK_EQ(mrpc_dispatch(set, 0), EAGAIN);
	CHECK(!readable(fd));
	for (int i = 0; i < 6; i++)
		CHECK_EQ(test_poke(p.client), MINIRPC_OK);
	WAIT_FOR(readable(fd));
	WAIT_FOR(received(p.server) == 6);
	STAYS(readable(fd), scaled(50));        /* and all six are queued */
	CHECK_EQ(mrpc_dispatch(set, 1), 0);
	CHECK_EQ(counter_get(&handled), 1);
	CHECK_EQ(mrpc_dispatch(set, 2), 0);
	CHECK_EQ(counter_get(&handled), 3);
	CHECK(readable(fd));
	CHECK_EQ(mrpc_dispatch(set, 0), EAGAIN);
	CHECK_EQ(counter_get(&handled), 6);
	WAIT_FOR(!readable(fd));
	CHECK_EQ(mrpc_dispatch(set, 5), EAGAIN);

	SECTION("mrpc_release_event: 0 the first time in a handler, then ENOENT");
	CHECK_EQ(test_notify(p.client, &n), MINIRPC_OK);
	DISPATCH_UNTIL(set, counter_get(&handled) == 7);
	CHECK_EQ(released[0], 0);
	CHECK_EQ(released[1], ENOENT);
	CHECK_EQ(released[2], ENOENT);
	CHECK_EQ(mrpc_release_event(), EPERM);

	SECTION("stop nests; start gives EINVAL if not stopped");
	CHECK_EQ(mrpc_start_events(p.server), EINVAL);
	CHECK_EQ(mrpc_stop_events(p.server), 0);
	CHECK_EQ(mrpc_stop_events(p.server), 0);
	CHECK_EQ(mrpc_start_events(p.server), 0);
	CHECK_EQ(mrpc_start_events(p.server), 0);
	CHECK_EQ(mrpc_start_events(p.server), EINVAL);

	SECTION("an event of a stopped connection waits");
	CHECK_EQ(mrpc_stop_events(p.server), 0);
	CHECK_EQ(test_poke(p.client), MINIRPC_OK);
	WAIT_FOR(received(p.server) == 8);
	CHECK_EQ(mrpc_dispatch(set, 0), EAGAIN);
	CHECK_EQ(counter_get(&handled), 7);
	CHECK_EQ(mrpc_start_events(p.server), 0);
	DISPATCH_UNTIL(set, counter_get(&handled) == 8);

	SECTION("ENXIO when the set is being destroyed, and the descriptor says so");
	CHECK_EQ(mrpc_conn_close(p.client), 0);
	DISPATCH_UNTIL(set, counter_get(&p.server_probe.disconnects) == 1);
	COUNTER_WAIT(&p.client_probe.disconnects, 1);
	pair_unref(&p);
	WAIT_FOR(readable(fd));
	CHECK_EQ(mrpc_dispatch(set, 1), ENXIO);
	CHECK_EQ(mrpc_dispatch_loop(set), ENXIO);
	mrpc_dispatcher_remove(set);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
