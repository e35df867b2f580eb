/* PROTO: test.mx */
/* NEEDS: additions */
/*
 * In a handler, by the only dispatcher, everything that came later than 0.3.3 may be called:
 * connecting with and without waiting, listening, settings, calls that end in time, counters,
 * walks, traces. Only a drain is refused there.
 */
#include "view.h"

#include "../connect/attempt.h"

static struct place place;
static char *port;
static struct mrpc_conn_set *clients;
static struct attempt made, waited;
static struct counter ran = COUNTER_INIT, told = COUNTER_INIT, walked = COUNTER_INIT;

static void count_step(void *data, const struct mrpc_trace_event *event)
{
	(void)event;
	counter_add(data, 1);
}

static void look(void *data, struct mrpc_connection *conn)
{
	CHECK(conn_stats(conn).id > 0);
	counter_add(data, 1);
}

static void on_ping(void *data, void *private, mrpc_status_t status)
{
	(void)data;
	(void)private;
	CHECK_EQ(status, MINIRPC_CANCELLED);
	counter_add(&ran, 1);
}

static void connects(void)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);
	char text[8];
	pid_t pid;
	uid_t uid;
	gid_t gid;

	CHECK_EQ(mrpc_set_connect_timeout(clients, 1000 * 1000), 0);
	attempt_init(&waited, clients);
	CHECK_EQ(mrpc_connect(waited.conn, AF_INET, "127.0.0.1", port), 0);
	use(waited.conn);
	CHECK_EQ(mrpc_conn_get_error(waited.conn, text, sizeof(text)), 0);
	CHECK_EQ(mrpc_conn_get_peer_address(waited.conn, (struct sockaddr *)&address, &len), 0);
	CHECK_EQ(mrpc_conn_get_local_address(waited.conn, (struct sockaddr *)&address, &len), 0);
	CHECK_EQ(mrpc_conn_get_peer_credentials(waited.conn, &pid, &uid, &gid), EOPNOTSUPP);
	attempt_init(&made, clients);
	CHECK_EQ(attempt_tcp(&made, port), 0);
	/* Its callback has to wait for this handler; the connection has not. */
	WAIT_FOR(attempt_stands(&made));
	CHECK_EQ(counter_get(&made.told), 0);
}

/* The peer never answers. */
static void calls(struct mrpc_connection *conn)
{
	struct mrpc_call_options o = MRPC_CALL_OPTIONS_INIT;
	mrpc_call_t call;

	CHECK_EQ(mrpc_set_call_timeout(clients, 20), 0);
	CHECK_EQ(test_ping(conn), MINIRPC_TIMEDOUT);
	CHECK_EQ(mrpc_set_call_timeout(clients, 0), 0);
	CHECK_EQ(mrpc_set_conn_call_timeout(conn, 20), 0);
	CHECK_EQ(test_ping(conn), MINIRPC_TIMEDOUT);
	CHECK_EQ(mrpc_set_conn_call_timeout(conn, MRPC_TIMEOUT_INHERIT), 0);
	o.call = &call;
	CHECK_EQ(test_ping_async_with(conn, &o, on_ping, NULL), MINIRPC_OK);
	CHECK_EQ(mrpc_call_cancel(conn, call), 0);
	CHECK_EQ(mrpc_call_cancel(conn, call), ENOENT);
}

static mrpc_status_t client_ping(void *data, struct mrpc_message *msg)
{
	struct mrpc_connection *conn;
	long before = counter_get(&walked);

	(void)data;
	CHECK_EQ(mrpc_message_is_live(msg), 1);
	REQUIRE_EQ(mrpc_message_get_connection(msg, &conn), 0);
	CHECK_EQ(mrpc_drain(clients, 1), EDEADLK);
	CHECK_EQ(mrpc_drain(place.set, 1), EDEADLK);
	CHECK_EQ(mrpc_set_trace_func(clients, count_step, &told), 0);
	CHECK_EQ(mrpc_set_latency_enabled(clients, 1), 0);
	connects();
	calls(conn);
	CHECK_EQ(mrpc_for_each_connection(clients, look, &walked), 0);
	CHECK_EQ(counter_get(&walked), before + 3);
	CHECK_EQ(set_stats(clients).connections, 3);
	CHECK_EQ(set_stats(clients).calls_timed_out, 2);
	CHECK_EQ(mrpc_set_latency_enabled(clients, 0), 0);
	CHECK_EQ(mrpc_set_trace_func(clients, NULL, NULL), 0);
	mrpc_conn_unref(conn);
	counter_add(&ran, 1);
	return MINIRPC_OK;
}

static const struct test_client_operations ops = { .client_ping = client_ping };

int main(void)
{
	struct mrpc_connection *conn;
	struct probe probe;
	struct leaks leaks;
	struct frame f;
	int fd, i;

	leaks_begin(&leaks);
	place_open(&place);
	REQUIRE_EQ(mrpc_listen(place.set, AF_INET, "127.0.0.1", &port), 0);
	clients = client_open();
	probe_init(&probe);
	fd = end_add(clients, &conn, &probe, false);
	REQUIRE_EQ(test_client_set_operations(conn, &ops), 0);

	SECTION("all of it, in a handler");
	peer_send(fd, 1, PENDING, nr_test_client_ping, NULL, 0);
	COUNTER_WAIT(&ran, 2);
	CHECK(counter_get(&told) > 5);

	SECTION("what it began goes on");
	COUNTER_WAIT(&made.told, 1);
	CHECK_EQ(made.error, 0);
	use(made.conn);
	for (i = 0; i < 3; i++) {
		peer_recv(fd, &f);
		CHECK_EQ(f.cmd, nr_test_ping);
		free(f.data);
	}
	PEER_EXPECT(fd, 1, MINIRPC_OK, nr_test_client_ping, NULL, 0);

	SECTION("outside of it, the drain runs");
	attempt_end(&made);
	attempt_end(&waited);
	close(fd);
	COUNTER_WAIT(&probe.disconnects, 1);
	CHECK_EQ(mrpc_drain(clients, (unsigned)scaled(10000)), 0);
	mrpc_conn_unref(conn);
	mrpc_conn_set_unref(clients);
	place_close(&place);
	free(port);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
