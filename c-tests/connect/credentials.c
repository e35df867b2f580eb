/* mrpc_conn_get_peer_credentials: of Unix sockets; EOPNOTSUPP of others, ENOTCONN of none. */
/* PROTO: test.mx */
/* NEEDS: additions */
#include "harness.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include "test_client.h"
#include "test_server.h"

int main(void)
{
	struct mrpc_conn_set *set;
	struct mrpc_connection *conn;
	struct probe probe;
	struct leaks leaks;
	struct pair pair;
	int peer;
	pid_t pid = 0;
	uid_t uid = 0;
	gid_t gid = 0;

	leaks_begin(&leaks);
	probe_init(&probe);
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_client, NULL), 0);
	probe_watch(set);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	REQUIRE_EQ(mrpc_conn_create(&conn, set, &probe), 0);

	SECTION("ENOTCONN before it is connected");
	CHECK_EQ(mrpc_conn_get_peer_credentials(conn, &pid, &uid, &gid), ENOTCONN);

	SECTION("of a Unix socket: process, user and group of the peer");
	peer = peer_bind(conn);
	pid = 0;
	uid = gid = (uid_t)-1;
	CHECK_EQ(mrpc_conn_get_peer_credentials(conn, &pid, &uid, &gid), 0);
	CHECK_EQ(pid, getpid());
	CHECK_EQ(uid, geteuid());
	CHECK_EQ(gid, getegid());

	SECTION("NULL is EINVAL");
	CHECK_EQ(mrpc_conn_get_peer_credentials(NULL, &pid, &uid, &gid), EINVAL);
	CHECK_EQ(mrpc_conn_get_peer_credentials(conn, NULL, &uid, &gid), EINVAL);
	CHECK_EQ(mrpc_conn_get_peer_credentials(conn, &pid, NULL, &gid), EINVAL);
	CHECK_EQ(mrpc_conn_get_peer_credentials(conn, &pid, &uid, NULL), EINVAL);

	SECTION("also when the connection has gone");
	close(peer);
	COUNTER_WAIT(&probe.disconnects, 1);
	pid = 0;
	CHECK_EQ(mrpc_conn_get_peer_credentials(conn, &pid, &uid, &gid), 0);
	CHECK_EQ(pid, getpid());
	mrpc_conn_unref(conn);
	mrpc_conn_set_unref(set);

	SECTION("EOPNOTSUPP of TCP");
	pair_open(&pair, PAIR_TCP, test_client, test_server);
	CHECK_EQ(mrpc_conn_get_peer_credentials(pair.client, &pid, &uid, &gid), EOPNOTSUPP);
	CHECK_EQ(mrpc_conn_get_peer_credentials(pair.server, &pid, &uid, &gid), EOPNOTSUPP);
	pair_close(&pair);

	SECTION("nothing is left");
	LEAKS_CHECK(&leaks);
	return tap_done();
}
