/* mrpc_listen with AF_UNSPEC serves IPv4 and IPv6, on any and on one address. */
/* PROTO: test.mx */
/* NEEDS: ipv6 */
#include "fds.h"

#include "test_client.h"
#include "test_server.h"

static struct counter accepted = COUNTER_INIT;
static int last_family;
static socklen_t last_len;

static void *on_accept(void *set_data, struct mrpc_connection *conn,
		       struct sockaddr *from, socklen_t from_len)
{
	(void)set_data;
	last_family = from->sa_family;
	last_len = from_len;
	mrpc_conn_close(conn);
	mrpc_conn_unref(conn);
	counter_add(&accepted, 1);
	return NULL;
}

/* Connects, and waits for the accept callback. */
static void try_connect(struct mrpc_conn_set *set, int family, const char *host,
			const char *port)
{
	struct mrpc_connection *conn;
	long before = counter_get(&accepted);

	REQUIRE_EQ(mrpc_conn_create(&conn, set, NULL), 0);
	if (CHECK_EQ(mrpc_connect(conn, family, host, port), 0)) {
		COUNTER_WAIT(&accepted, before + 1);
		CHECK_EQ(last_family, family);
		CHECK_EQ(last_len, family == AF_INET6 ? sizeof(struct sockaddr_in6)
						      : sizeof(struct sockaddr_in));
		CHECK_EQ(mrpc_conn_close(conn), 0);
	}
	mrpc_conn_unref(conn);
}

/* A port free for both families a moment ago. */
static void free_port(char port[8])
{
	close(peer_listen(port));
}

int main(void)
{
	struct mrpc_conn_set *client, *server;
	char port[8], *service = port;
	struct leaks leaks;
	int fds[8];

	leaks_begin(&leaks);
	REQUIRE_EQ(mrpc_conn_set_create(&client, test_client, NULL), 0);
	REQUIRE_EQ(mrpc_conn_set_create(&server, test_server, NULL), 0);
	REQUIRE_EQ(mrpc_set_accept_func(server, on_accept), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(server), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(client), 0);

	SECTION("any address: a listener for each family");
	free_port(port);
	REQUIRE_EQ(mrpc_listen(server, AF_UNSPEC, NULL, &service), 0);
	CHECK_PTR(service, port);
	CHECK_EQ(find_listeners(fds, 8), 2);

	SECTION("both are served");
	try_connect(client, AF_INET, "127.0.0.1", port);
	try_connect(client, AF_INET6, "::1", port);
	mrpc_listen_close(server);
	WAIT_FOR(find_listeners(fds, 8) == 0);

	SECTION("a free port of IPv6");
	service = NULL;
	REQUIRE_EQ(mrpc_listen(server, AF_INET6, "::1", &service), 0);
	REQUIRE(service != NULL);
	try_connect(client, AF_INET6, "::1", service);
	mrpc_listen_close(server);
	free(service);

	SECTION("one family taken: the other is still served");
	{
		int taken = peer_listen(port);

		service = port;
		CHECK_EQ(mrpc_listen(server, AF_UNSPEC, NULL, &service), 0);
		try_connect(client, AF_INET6, "::1", port);
		close(taken);
	}
	mrpc_listen_close(server);

	SECTION("nothing is left");
	mrpc_conn_set_unref(client);
	mrpc_conn_set_unref(server);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
