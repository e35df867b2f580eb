/*
 * mrpc_conn_get_error: why the last attempt failed, in words; empty if nothing did, and
 * after a success; cut to size.
 */
/* PROTO: test.mx */
/* NEEDS: additions */
#include "harness.h"

#include <sys/socket.h>
#include "test_client.h"
#include "test_server.h"

static char words[200];

static const char *error_of(struct mrpc_connection *conn)
{
	memset(words, 'x', sizeof(words));
	CHECK_EQ(mrpc_conn_get_error(conn, words, sizeof(words)), 0);
	return words;
}

int main(void)
{
	struct mrpc_conn_set *set, *server;
	struct mrpc_connection *conn, *wrong;
	char port[8], closed[8], wanted[100];
	int listener, peer, fds[2];
	struct probe probe;
	struct leaks leaks;

	leaks_begin(&leaks);
	probe_init(&probe);
	close(peer_listen(closed));
	listener = peer_listen(port);
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_client, NULL), 0);
	REQUIRE_EQ(mrpc_conn_set_create(&server, test_server, NULL), 0);
	probe_watch(set);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(server), 0);
	REQUIRE_EQ(mrpc_conn_create(&conn, set, &probe), 0);

	SECTION("empty at first");
	CHECK_STR(error_of(conn), "");

	SECTION("an address that refuses");
	REQUIRE_EQ(mrpc_connect(conn, AF_INET, "127.0.0.1", closed), ECONNREFUSED);
	snprintf(wanted, sizeof(wanted), "127.0.0.1 port %s: Connection refused", closed);
	CHECK_STR(error_of(conn), wanted);

	SECTION("cut to size");
	memset(words, 'x', sizeof(words));
	CHECK_EQ(mrpc_conn_get_error(conn, words, 10), 0);
	CHECK_STR(words, "127.0.0.1");
	CHECK_EQ(words[10], 'x');
	CHECK_EQ(mrpc_conn_get_error(conn, words, 1), 0);
	CHECK_STR(words, "");

	SECTION("a service that is not known");
	REQUIRE_EQ(mrpc_connect(conn, AF_INET, "127.0.0.1", "no-such-service"), ENOENT);
	CHECK_MSG(strncmp(error_of(conn), "no-such-service: ", 17) == 0, "\"%s\"", words);

	SECTION("no service, a server's set");
	REQUIRE_EQ(mrpc_connect(conn, AF_INET, "127.0.0.1", NULL), EINVAL);
	CHECK_STR(error_of(conn), "no service is given");
	REQUIRE_EQ(mrpc_conn_create(&wrong, server, NULL), 0);
	REQUIRE_EQ(mrpc_connect(wrong, AF_INET, "127.0.0.1", port), EINVAL);
	CHECK_STR(error_of(wrong), "a server's set does not connect");
	mrpc_conn_unref(wrong);

	SECTION("a descriptor that cannot be bound");
	REQUIRE_EQ(mrpc_bind_fd(conn, -1), EBADF);
	CHECK_STR(error_of(conn), "descriptor: Bad file descriptor");
	REQUIRE_EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds), 0);
	REQUIRE_EQ(mrpc_bind_fd(conn, fds[0]), EPROTONOSUPPORT);
	CHECK_STR(error_of(conn), "the descriptor is no stream socket");
	close(fds[0]);
	close(fds[1]);

	SECTION("a success clears it");
	REQUIRE_EQ(mrpc_connect(conn, AF_INET, "127.0.0.1", port), 0);
	CHECK_STR(error_of(conn), "");

	SECTION("another attempt on it");
	REQUIRE_EQ(mrpc_connect(conn, AF_INET, "127.0.0.1", port), EINVAL);
	CHECK_STR(error_of(conn), "the handle is or was connected");

	SECTION("NULL or no room is EINVAL");
	CHECK_EQ(mrpc_conn_get_error(NULL, words, sizeof(words)), EINVAL);
	CHECK_EQ(mrpc_conn_get_error(conn, NULL, sizeof(words)), EINVAL);
	CHECK_EQ(mrpc_conn_get_error(conn, words, 0), EINVAL);

	peer = peer_accept(listener);
	CHECK_EQ(mrpc_conn_close(conn), 0);
	COUNTER_WAIT(&probe.disconnects, 1);
	close(peer);
	close(listener);
	mrpc_conn_unref(conn);
	mrpc_conn_set_unref(set);
	mrpc_conn_set_unref(server);
	SECTION("nothing is left");
	LEAKS_CHECK(&leaks);
	return tap_done();
}
