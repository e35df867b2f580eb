/* PROTO: test.mx */
/* NEEDS: additions */
/*
 * Connections in the stats of a set: how they came, how they ended, how many there are
 * and were at most.
 */
#include "view.h"

static struct counter accepted = COUNTER_INIT, ended = COUNTER_INIT;
static struct mrpc_connection *last;

static const struct test_server_operations ops = { .ping = view_ping };

static void *on_accept(void *data, struct mrpc_connection *conn, struct sockaddr *from,
		       socklen_t len)
{
	(void)data;
	(void)from;
	(void)len;
	CHECK_EQ(test_server_set_operations(conn, &ops), 0);
	mrpc_conn_unref(conn);
	last = conn;
	counter_add(&accepted, 1);
	return NULL;
}

static void on_end(void *data, enum mrpc_disc_reason reason)
{
	(void)data;
	(void)reason;
	counter_add(&ended, 1);
}

int main(void)
{
	struct mrpc_conn_set *set, *clients;
	struct mrpc_connection *conn;
	struct mrpc_set_stats stats;
	struct leaks leaks;
	char *port = NULL;
	int fds[3], bound, i;

	leaks_begin(&leaks);
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_server, NULL), 0);
	REQUIRE_EQ(mrpc_set_accept_func(set, on_accept), 0);
	REQUIRE_EQ(mrpc_set_disconnect_func(set, on_end), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	REQUIRE_EQ(mrpc_listen(set, AF_INET, "127.0.0.1", &port), 0);
	SECTION("none yet; a handle that is not connected is no connection");
	REQUIRE_EQ(mrpc_conn_create(&conn, set, NULL), 0);
	stats = set_stats(set);
	CHECK_EQ(stats.connections, 0);
	CHECK_EQ(stats.connections_max, 0);

	SECTION("accepted and bound");
	for (i = 0; i < 3; i++)
		fds[i] = peer_connect(port);
	COUNTER_WAIT(&accepted, 3);
	bound = peer_bind(conn);
	stats = set_stats(set);
	CHECK_EQ(stats.connections, 4);
	CHECK_EQ(stats.connections_max, 4);
	CHECK_EQ(stats.accepted, 3);
	CHECK_EQ(stats.bound, 1);
	CHECK_EQ(stats.connected, 0);

	SECTION("ended by the user, by the peer, by an error");
	CHECK_EQ(mrpc_conn_close(last), 0);
	COUNTER_WAIT(&ended, 1);
	close(bound);
	COUNTER_WAIT(&ended, 2);
	peer_reset(fds[0]);
	COUNTER_WAIT(&ended, 3);
	WAIT_FOR(set_stats(set).connections == 1);
	stats = set_stats(set);
	CHECK_EQ(stats.disconnected_user, 1);
	CHECK_EQ(stats.disconnected_closed, 1);
	CHECK_EQ(stats.disconnected_error, 1);
	CHECK_EQ(stats.connections_max, 4);
	CHECK_EQ(stats.connections_refused, 0);
	CHECK_EQ(stats.accepted + stats.bound,
		 stats.connections + stats.disconnected_user + stats.disconnected_closed +
		 stats.disconnected_error);
	mrpc_conn_unref(conn);

	SECTION("connected; an attempt that fails is none");
	REQUIRE_EQ(mrpc_conn_set_create(&clients, test_client, NULL), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(clients), 0);
	REQUIRE_EQ(mrpc_conn_create(&conn, clients, NULL), 0);
	CHECK_EQ(mrpc_connect(conn, AF_INET, "127.0.0.1", "1"), ECONNREFUSED);
	CHECK_EQ(set_stats(clients).connected, 0);
	CHECK_EQ(mrpc_connect(conn, AF_INET, "127.0.0.1", port), 0);
	stats = set_stats(clients);
	CHECK_EQ(stats.connected, 1);
	CHECK_EQ(stats.connections, 1);
	COUNTER_WAIT(&accepted, 4);
	CHECK_EQ(mrpc_conn_close(conn), 0);
	WAIT_FOR(set_stats(clients).disconnected_user == 1);
	mrpc_conn_unref(conn);
	mrpc_conn_set_unref(clients);

	for (i = 1; i < 3; i++)
		close(fds[i]);
	COUNTER_WAIT(&ended, 5);
	mrpc_listen_close(set);
	mrpc_conn_set_unref(set);
	free(port);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
