/* Socket options of connections: close-on-exec, no delay, keepalive. */
/* PROTO: test.mx */
#include "fds.h"

#include "test_client.h"
#include "test_server.h"

static void check_common(int fd)
{
	REQUIRE(fd >= 0);
	CHECK_EQ(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	CHECK_EQ(sockopt(fd, IPPROTO_TCP, TCP_NODELAY), 1);
}

static void check_keepalive(int fd, int idle, int count, int interval)
{
	CHECK_EQ(sockopt(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
	CHECK_EQ(sockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE), idle);
	CHECK_EQ(sockopt(fd, IPPROTO_TCP, TCP_KEEPCNT), count);
	CHECK_EQ(sockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL), interval);
}

/* The same options for connect, accept (both ends of a pair), and bind. */
static void options_of_pair(struct pair *p)
{
	check_common(find_end(p->port, true));
	check_common(find_end(p->port, false));
}

/* One more connection of an open pair; *fds are its two ends. */
struct second {
	struct mrpc_connection *conn;
	struct probe probe;
	int bound, peer;
};

static void bind_second(struct second *s, struct mrpc_conn_set *set)
{
	char port[8];
	int listener = peer_listen(port);

	s->bound = peer_connect(port);
	s->peer = peer_accept(listener);
	close(listener);
	probe_init(&s->probe);
	probe_watch(set);
	REQUIRE_EQ(mrpc_conn_create(&s->conn, set, &s->probe), 0);
	REQUIRE_EQ(mrpc_bind_fd(s->conn, s->bound), 0);
}

static void end_second(struct second *s)
{
	CHECK_EQ(mrpc_conn_close(s->conn), 0);
	PEER_EOF(s->peer);
	COUNTER_WAIT(&s->probe.disconnects, 1);
	close(s->peer);
	mrpc_conn_unref(s->conn);
}

int main(void)
{
	struct mrpc_conn_set *set;
	struct mrpc_connection *conn;
	struct second second;
	struct pair p;
	struct probe probe;
	struct leaks leaks;
	int fds[2];

	leaks_begin(&leaks);

	SECTION("connect and accept: close-on-exec, no delay");
	pair_open(&p, PAIR_TCP, test_client, test_server);
	options_of_pair(&p);

	SECTION("connect and accept: keepalive is on, as documented");
	check_keepalive(find_end(p.port, true), 7200, 9, 75);
	check_keepalive(find_end(p.port, false), 7200, 9, 75);
	pair_close(&p);

	SECTION("bind_fd: the same");
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_client, NULL), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	bind_second(&second, set);
	check_common(second.bound);
	check_keepalive(second.bound, 7200, 9, 75);

	SECTION("other keepalive parameters are for connections made later");
	CHECK_EQ(mrpc_set_keepalive_parameters(set, 11, 7, 13), 0);
	check_keepalive(second.bound, 7200, 9, 75);
	end_second(&second);
	bind_second(&second, set);
	check_keepalive(second.bound, 11, 7, 13);

	SECTION("keepalive off is for connections made later");
	CHECK_EQ(mrpc_set_keepalive_enabled(set, 0), 0);
	CHECK_EQ(sockopt(second.bound, SOL_SOCKET, SO_KEEPALIVE), 1);
	end_second(&second);
	bind_second(&second, set);
	CHECK_EQ(sockopt(second.bound, SOL_SOCKET, SO_KEEPALIVE), 0);
	CHECK_EQ(sockopt(second.bound, IPPROTO_TCP, TCP_NODELAY), 1);
	end_second(&second);

	SECTION("and on again, with any value but 0");
	CHECK_EQ(mrpc_set_keepalive_enabled(set, -7), 0);
	bind_second(&second, set);
	check_keepalive(second.bound, 11, 7, 13);
	end_second(&second);

	SECTION("the largest parameters are taken by the kernel");
	CHECK_EQ(mrpc_set_keepalive_parameters(set, 32767, 127, 32767), 0);
	bind_second(&second, set);
	check_keepalive(second.bound, 32767, 127, 32767);
	end_second(&second);

	SECTION("parameters that were refused change nothing");
	CHECK_EQ(mrpc_set_keepalive_parameters(set, 11, 128, 13), EINVAL);
	bind_second(&second, set);
	check_keepalive(second.bound, 32767, 127, 32767);
	end_second(&second);

	SECTION("a Unix socket: close-on-exec, keepalive");
	probe_init(&probe);
	probe_watch(set);
	REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	REQUIRE_EQ(mrpc_conn_create(&conn, set, &probe), 0);
	CHECK_EQ(mrpc_bind_fd(conn, fds[0]), 0);
	CHECK_EQ(fcntl(fds[0], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	CHECK_EQ(sockopt(fds[0], SOL_SOCKET, SO_KEEPALIVE), 1);
	close(fds[1]);
	COUNTER_WAIT(&probe.disconnects, 1);
	mrpc_conn_unref(conn);

	SECTION("nothing is left");
	mrpc_conn_set_unref(set);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
