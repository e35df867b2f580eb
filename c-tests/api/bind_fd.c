/* mrpc_bind_fd: what it refuses, whose the descriptor is, families and roles. */
/* PROTO: test.mx */
#define _GNU_SOURCE
#include "fds.h"

#include <sys/un.h>
#include "test_client.h"
#include "test_server.h"

static struct mrpc_connection *fresh(struct mrpc_conn_set *set, struct probe *probe)
{
	struct mrpc_connection *conn;

	probe_init(probe);
	REQUIRE_EQ(mrpc_conn_create(&conn, set, probe), 0);
	return conn;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) != -1;
}

static void refused(struct mrpc_connection *conn, int fd, int expected)
{
	int flags = fcntl(fd, F_GETFL), fdflags = fcntl(fd, F_GETFD);

	CHECK_EQ(mrpc_bind_fd(conn, fd), expected);
	if (expected == EBADF)
		return;
	CHECK_MSG(is_open(fd), "the caller's descriptor was closed");
	CHECK_EQ(fcntl(fd, F_GETFL), flags);
	CHECK_EQ(fcntl(fd, F_GETFD), fdflags);
}

static int tcp_end(int *other)
{
	char port[8];
	int listener = peer_listen(port);
	int fd = peer_connect(port);

	*other = peer_accept(listener);
	close(listener);
	return fd;
}

int main(void)
{
	struct mrpc_conn_set *client, *server;
	struct mrpc_connection *conn;
	struct probe probe;
	struct leaks leaks;
	int fds[2], pipes[2], fd, other;
	struct sockaddr_un un;

	leaks_begin(&leaks);
	REQUIRE_EQ(mrpc_conn_set_create(&client, test_client, NULL), 0);
	REQUIRE_EQ(mrpc_conn_set_create(&server, test_server, NULL), 0);
	probe_watch(client);
	probe_watch(server);
	REQUIRE_EQ(mrpc_start_dispatch_thread(client), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(server), 0);
	conn = fresh(client, &probe);

	SECTION("EBADF: not a descriptor");
	refused(conn, -1, EBADF);
	refused(conn, 1000000, EBADF);

	SECTION("ENOTSOCK: not a socket");
	REQUIRE_EQ(pipe(pipes), 0);
	refused(conn, pipes[0], ENOTSOCK);
	close(pipes[0]);
	close(pipes[1]);

	SECTION("ENOTCONN: a socket that is not connected");
	fd = socket(AF_INET, SOCK_STREAM, 0);
	refused(conn, fd, ENOTCONN);
	close(fd);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	refused(conn, fd, ENOTCONN);
	close(fd);
	fd = socket(AF_INET, SOCK_DGRAM, 0);    /* getpeername comes first */
	refused(conn, fd, ENOTCONN);
	close(fd);

	SECTION("EPROTONOSUPPORT: not a stream");
	REQUIRE_EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds), 0);
	refused(conn, fds[0], EPROTONOSUPPORT);
	close(fds[0]);
	close(fds[1]);
	REQUIRE_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	refused(conn, fds[0], EPROTONOSUPPORT);
	close(fds[0]);
	close(fds[1]);

	SECTION("EINVAL: NULL connection; the descriptor is the caller's");
	REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	refused(NULL, fds[0], EINVAL);

	SECTION("after all these failures the handle can be used");
	CHECK_EQ(mrpc_conn_close(conn), ENOTCONN);
	CHECK_EQ(mrpc_bind_fd(conn, fds[0]), 0);
	CHECK_EQ(test_poke(conn), MINIRPC_OK);

	SECTION("EINVAL: already connected; the descriptor is the caller's");
	fd = tcp_end(&other);
	refused(conn, fd, EINVAL);
	close(fd);
	close(other);

	SECTION("on success the library owns the descriptor, and closes it");
	CHECK_EQ(mrpc_conn_close(conn), 0);
	COUNTER_WAIT(&probe.disconnects, 1);
	WAIT_FOR(!is_open(fds[0]));
	close(fds[1]);
	mrpc_conn_unref(conn);

	SECTION("a TCP socket");
	conn = fresh(client, &probe);
	fd = tcp_end(&other);
	CHECK_EQ(mrpc_bind_fd(conn, fd), 0);
	CHECK_EQ(test_poke(conn), MINIRPC_OK);
	PEER_EXPECT(other, 0, PENDING, -2, NULL, 0);
	close(other);
	COUNTER_WAIT(&probe.disconnects, 1);
	mrpc_conn_unref(conn);

	SECTION("a server-role set, a Unix socket by name, blocking or not");
	for (int flags = 0; flags < 2; flags++) {
		int listener = socket(AF_UNIX, SOCK_STREAM, 0);

		memset(&un, 0, sizeof(un));
		un.sun_family = AF_UNIX;        /* the abstract name space */
		snprintf(un.sun_path + 1, sizeof(un.sun_path) - 1, "minirpc-%d-%d",
			 getpid(), flags);
		REQUIRE_EQ(bind(listener, (struct sockaddr *)&un, sizeof(un)), 0);
		REQUIRE_EQ(listen(listener, 1), 0);
		other = socket(AF_UNIX, SOCK_STREAM, 0);
		REQUIRE_EQ(connect(other, (struct sockaddr *)&un, sizeof(un)), 0);
		fd = accept4(listener, NULL, NULL, flags ? SOCK_NONBLOCK : 0);
		close(listener);
		conn = fresh(server, &probe);
		CHECK_EQ(mrpc_bind_fd(conn, fd), 0);
		peer_send(other, 7, PENDING, 1, NULL, 0);
		PEER_EXPECT(other, 7, MINIRPC_PROCEDURE_UNAVAIL, 1, NULL, 0);
		close(other);
		COUNTER_WAIT(&probe.disconnects, 1);
		mrpc_conn_unref(conn);
	}

	SECTION("what the peer sent before is not lost");
	REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	peer_send(fds[1], 3, PENDING, 1, NULL, 0);
	close(fds[1]);
	conn = fresh(server, &probe);
	CHECK_EQ(mrpc_bind_fd(conn, fds[0]), 0);
	COUNTER_WAIT(&probe.disconnects, 1);
	CHECK_EQ(probe.reason, MRPC_DISC_CLOSED);
	{
		uint64_t received = 0;

		CHECK_EQ(mrpc_conn_get_counter(conn, MRPC_CONNCTR_RECV_MSGS, &received), 0);
		CHECK_EQ(received, 1);
	}
	mrpc_conn_unref(conn);

	SECTION("nothing is left");
	mrpc_conn_set_unref(client);
	mrpc_conn_set_unref(server);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
