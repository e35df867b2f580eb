/* mrpc_listen and mrpc_listen_close: arguments, ports, the listener's socket. */
/* PROTO: test.mx */
#include "fds.h"

#include "test_client.h"
#include "test_server.h"

static void *on_accept(void *set_data, struct mrpc_connection *conn,
		       struct sockaddr *from, socklen_t from_len)
{
	(void)conn;
	(void)from;
	(void)from_len;
	return set_data;
}

/* What the kernel keeps as the backlog of a listening socket. */
static unsigned backlog_of(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	memset(&info, 0, sizeof(info));
	REQUIRE_EQ(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	return info.tcpi_sacked;
}

static struct sockaddr_in address_of(int fd)
{
	struct sockaddr_in addr;
	socklen_t len = sizeof(addr);

	REQUIRE_EQ(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	return addr;
}

int main(void)
{
	struct mrpc_conn_set *client, *server;
	char *port = NULL, *none = NULL, *again;
	char bad[] = "no-such-service";
	struct leaks leaks;
	int fds[8];

	leaks_begin(&leaks);
	REQUIRE_EQ(mrpc_conn_set_create(&client, test_client, NULL), 0);
	REQUIRE_EQ(mrpc_conn_set_create(&server, test_server, NULL), 0);

	SECTION("EINVAL: no accept function");
	CHECK_EQ(mrpc_listen(server, AF_INET, "127.0.0.1", &port), EINVAL);
	CHECK_PTR(port, NULL);
	REQUIRE_EQ(mrpc_set_accept_func(server, on_accept), 0);

	SECTION("EINVAL: NULL set or service pointer");
	CHECK_EQ(mrpc_listen(NULL, AF_INET, "127.0.0.1", &port), EINVAL);
	CHECK_EQ(mrpc_listen(server, AF_INET, "127.0.0.1", NULL), EINVAL);

	SECTION("EINVAL: a client-role set");
	CHECK_EQ(mrpc_listen(client, AF_INET, "127.0.0.1", &port), EINVAL);

	SECTION("EINVAL: no service with AF_UNSPEC");
	CHECK_EQ(mrpc_listen(server, AF_UNSPEC, "127.0.0.1", &port), EINVAL);
	CHECK_EQ(mrpc_listen(server, AF_UNSPEC, NULL, &port), EINVAL);
	CHECK_PTR(port, NULL);
	CHECK_EQ(find_listeners(fds, 8), 0);

	SECTION("a free port, as a string from malloc");
	REQUIRE_EQ(mrpc_listen(server, AF_INET, "127.0.0.1", &port), 0);
	REQUIRE(port != NULL);
	REQUIRE_EQ(find_listeners(fds, 8), 1);
	CHECK(atoi(port) > 0);
	CHECK_EQ(strspn(port, "0123456789"), strlen(port));
	CHECK_EQ(ntohs(address_of(fds[0]).sin_port), atoi(port));
	CHECK_EQ(ntohl(address_of(fds[0]).sin_addr.s_addr), INADDR_LOOPBACK);

	SECTION("the listener's socket");
	CHECK_EQ(sockopt(fds[0], SOL_SOCKET, SO_REUSEADDR), 1);
	CHECK_EQ(fcntl(fds[0], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	CHECK_EQ(backlog_of(fds[0]), 16);

	SECTION("a port in use: EADDRINUSE, and the string is as it was");
	again = port;
	CHECK_EQ(mrpc_listen(server, AF_INET, "127.0.0.1", &again), EADDRINUSE);
	CHECK_PTR(again, port);
	CHECK_EQ(find_listeners(fds, 8), 1);

	SECTION("listening stays possible after a failure; backlog for later listeners");
	CHECK_EQ(mrpc_set_listen_backlog(server, 3), 0);
	CHECK_EQ(backlog_of(fds[0]), 16);
	again = NULL;
	REQUIRE_EQ(mrpc_listen(server, AF_INET, "127.0.0.1", &again), 0);
	REQUIRE_EQ(find_listeners(fds, 8), 2);
	CHECK_EQ(backlog_of(fds[0]) + backlog_of(fds[1]), 16 + 3);
	CHECK(strcmp(again, port) != 0);
	free(again);

	SECTION("mrpc_listen_close closes all of them, and may be called again");
	mrpc_listen_close(server);
	WAIT_FOR(find_listeners(fds, 8) == 0);
	mrpc_listen_close(server);
	mrpc_listen_close(client);

	SECTION("a port can be listened on again at once");
	again = port;
	CHECK_EQ(mrpc_listen(server, AF_INET, "127.0.0.1", &again), 0);
	CHECK_PTR(again, port);
	mrpc_listen_close(server);
	WAIT_FOR(find_listeners(fds, 8) == 0);

	SECTION("no address is any address");
	CHECK_EQ(mrpc_listen(server, AF_INET, NULL, &none), 0);
	REQUIRE_EQ(find_listeners(fds, 8), 1);
	CHECK_EQ(ntohl(address_of(fds[0]).sin_addr.s_addr), INADDR_ANY);
	mrpc_listen_close(server);
	free(none);

	SECTION("a service that does not exist: ENOENT");
	again = bad;
	CHECK_EQ(mrpc_listen(server, AF_INET, "127.0.0.1", &again), ENOENT);
	CHECK_PTR(again, bad);

	SECTION("an address that is not ours: EADDRNOTAVAIL");
	again = port;
	CHECK_EQ(mrpc_listen(server, AF_INET, "192.0.2.1", &again), EADDRNOTAVAIL);
	none = NULL;
	CHECK_EQ(mrpc_listen(server, AF_INET, "192.0.2.1", &none), EADDRNOTAVAIL);
	CHECK_PTR(none, NULL);

	SECTION("nothing is left");
	free(port);
	mrpc_conn_set_unref(client);
	mrpc_conn_set_unref(server);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
