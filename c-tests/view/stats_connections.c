/* PROTO: test.mx */
/* NEEDS: additions */
/*
 * Connections in the stats of a set: how they came, how they ended, how many there are
 * and were at most.
 */
#include "view.h"
#include "accept.h"

static const struct test_server_operations ops = { .ping = answer_ping };

int main(void)
{
	struct mrpc_conn_set *set, *clients;
	struct mrpc_connection *conn;
	struct mrpc_set_stats stats;
	struct leaks leaks;
	char *port = NULL;
	int fds[3], bound, i;

	leaks_begin(&leaks);
	set = accept_open(accept_and_drop, &ops);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	REQUIRE_EQ(mrpc_listen(set, AF_INET, "127.0.0.1", &port), 0);
	SECTION("none yet; a handle that is not connected is no connection");
	REQUIRE_EQ(mrpc_conn_create(&conn, set, &server_probe), 0);
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
	CHECK_EQ(mrpc_conn_close(server), 0);
	COUNTER_WAIT(&server_probe.disconnects, 1);
	close(bound);
	COUNTER_WAIT(&server_probe.disconnects, 2);
	peer_reset(fds[0]);
	COUNTER_WAIT(&server_probe.disconnects, 3);
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
	COUNTER_WAIT(&server_probe.disconnects, 5);
	mrpc_listen_close(set);
	mrpc_conn_set_unref(set);
	free(port);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
