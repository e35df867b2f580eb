/*
 * An IPv6 listener serves IPv4 clients as the system is configured
 * (net.ipv6.bindv6only), on any address, with a port that is given or free; an
 * IPv4-mapped address works; only AF_UNSPEC without an address, which opens a
 * listener of each family on one port, has IPV6_V6ONLY set.
 */
/* PROTO: test.mx */
/* NEEDS: ipv6 */
#define _GNU_SOURCE
#include "fds.h"
#include "netns.h"

#include "test_client.h"
#include "test_server.h"

static const char setting[] = "/proc/sys/net/ipv6/bindv6only";

static struct mrpc_conn_set *client, *server;
static struct counter accepted = COUNTER_INIT;
static struct sockaddr_in6 from_seen;

static void *on_accept(void *set_data, struct mrpc_connection *conn,
		       struct sockaddr *from, socklen_t from_len)
{
	(void)set_data;
	memset(&from_seen, 0, sizeof(from_seen));
	memcpy(&from_seen, from, from_len < sizeof(from_seen) ? from_len : sizeof(from_seen));
	mrpc_conn_close(conn);
	mrpc_conn_unref(conn);
	counter_add(&accepted, 1);
	return NULL;
}

static int bindv6only(void)
{
	FILE *f = fopen(setting, "re");
	int value;

	REQUIRE(f != NULL);
	REQUIRE_EQ(fscanf(f, "%d", &value), 1);
	fclose(f);
	return value;
}

static void set_bindv6only(int value)
{
	FILE *f = fopen(setting, "we");

	REQUIRE(f != NULL);
	fprintf(f, "%d\n", value);
	REQUIRE_EQ(fclose(f), 0);
	REQUIRE_EQ(bindv6only(), value);
}

/* What mrpc_connect says; where it stands, the accept callback has been called. */
static int try_connect(int family, const char *host, const char *port)
{
	struct mrpc_connection *conn;
	long before = counter_get(&accepted);
	int error;

	REQUIRE_EQ(mrpc_conn_create(&conn, client, NULL), 0);
	error = mrpc_connect(conn, family, host, port);
	if (error == 0) {
		COUNTER_WAIT(&accepted, before + 1);
		CHECK_EQ(mrpc_conn_close(conn), 0);
	}
	mrpc_conn_unref(conn);
	return error;
}

/* An IPv4 client is refused, or told to the accept callback as the socket says. */
static void try_ipv4(const char *port, bool served)
{
	if (!CHECK_EQ(try_connect(AF_INET, "127.0.0.1", port), served ? 0 : ECONNREFUSED) ||
	    !served)
		return;
	if (CHECK_EQ(from_seen.sin6_family, AF_INET6))
		CHECK(IN6_IS_ADDR_V4MAPPED(&from_seen.sin6_addr));
}

/* Listens, on a given port if there is one; the port, or NULL. */
static char *listen_on(int family, const char *address, const char *given)
{
	char *service = given != NULL ? strdup(given) : NULL;

	if (CHECK_EQ(mrpc_listen(server, family, address, &service), 0))
		return service;
	free(service);
	return NULL;
}

/* Every listener's, AF_INET6. */
static void check_v6only(int want)
{
	int fds[8], n = find_listeners(fds, 8), i, six = 0;

	for (i = 0; i < n; i++) {
		if (sockopt(fds[i], SOL_SOCKET, SO_DOMAIN) != AF_INET6)
			continue;
		CHECK_EQ(sockopt(fds[i], IPPROTO_IPV6, IPV6_V6ONLY), want);
		six++;
	}
	CHECK_EQ(six, 1);
}

static void close_all(char *port)
{
	int fds[8];

	mrpc_listen_close(server);
	WAIT_FOR(find_listeners(fds, 8) == 0);
	free(port);
}

/* A port free for both families a moment ago, or NULL: one that the system chooses. */
static const char *given_port(bool given, char port[8])
{
	if (!given)
		return NULL;
	close(peer_listen(port));
	return port;
}

static void open_sets(void)
{
	REQUIRE_EQ(mrpc_conn_set_create(&client, test_client, NULL), 0);
	REQUIRE_EQ(mrpc_conn_set_create(&server, test_server, NULL), 0);
	REQUIRE_EQ(mrpc_set_accept_func(server, on_accept), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(server), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(client), 0);
}

static void try_all(int only)
{
	static const struct { const char *address; int family; } any[] = {
		{ NULL, AF_INET6 }, { "::", AF_INET6 }, { "::", AF_UNSPEC }
	};
	const char *how;
	char number[8], *port, *other;
	size_t i;
	int given;

	for (given = 0; given < 2; given++) {
		how = given ? "a given port" : "a free port";
		for (i = 0; i < sizeof(any) / sizeof(any[0]); i++) {
			if (!given && any[i].family == AF_UNSPEC)
				continue;
			SECTION("bindv6only %d: %s on %s, family %d", only, how,
				any[i].address != NULL ? any[i].address : "NULL", any[i].family);
			port = listen_on(any[i].family, any[i].address, given_port(given, number));
			if (port != NULL) {
				check_v6only(only);
				CHECK_EQ(try_connect(AF_INET6, "::1", port), 0);
				try_ipv4(port, !only);
			}
			close_all(port);
		}
		SECTION("bindv6only %d: %s on ::1", only, how);
		port = listen_on(AF_INET6, "::1", given_port(given, number));
		if (port != NULL) {
			CHECK_EQ(try_connect(AF_INET6, "::1", port), 0);
			try_ipv4(port, false);
		}
		close_all(port);
		if (only)
			continue;
		SECTION("%s on a mapped address", how);
		port = listen_on(AF_INET6, "::ffff:127.0.0.1", given_port(given, number));
		if (port != NULL) {
			try_ipv4(port, true);
			CHECK_EQ(try_connect(AF_INET6, "::ffff:127.0.0.1", port), 0);
			CHECK_EQ(try_connect(AF_INET6, "::1", port), ECONNREFUSED);
		}
		close_all(port);
	}

	SECTION("bindv6only %d: IPv6, then IPv4 on the same port", only);
	port = listen_on(AF_INET6, NULL, given_port(true, number));
	other = number;
	CHECK_EQ(mrpc_listen(server, AF_INET, NULL, &other), only ? 0 : EADDRINUSE);
	CHECK_EQ(try_connect(AF_INET, "127.0.0.1", number), 0);
	CHECK_EQ(try_connect(AF_INET6, "::1", number), 0);
	close_all(port);

	SECTION("bindv6only %d: AF_UNSPEC and no address: one listener of each family", only);
	port = listen_on(AF_UNSPEC, NULL, given_port(true, number));
	check_v6only(1);
	CHECK_EQ(try_connect(AF_INET, "127.0.0.1", number), 0);
	CHECK_EQ(from_seen.sin6_family, AF_INET);
	CHECK_EQ(try_connect(AF_INET6, "::1", number), 0);
	CHECK_EQ(from_seen.sin6_family, AF_INET6);
	close_all(port);
}

int main(void)
{
	struct leaks leaks;
	int only;

	leaks_begin(&leaks);
	open_sets();
	try_all(bindv6only());
	mrpc_conn_set_unref(client);
	mrpc_conn_set_unref(server);

	SECTION("nothing is left");
	LEAKS_CHECK(&leaks);
	if (!netns_enter())
		return tap_done();
	open_sets();
	for (only = 0; only < 2; only++) {
		set_bindv6only(only);
		try_all(only);
	}
	mrpc_conn_set_unref(client);
	mrpc_conn_set_unref(server);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
