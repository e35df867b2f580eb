/*
 * A port that nobody listens on, in the range from which clients get theirs: TCP would
 * connect a socket to itself. ECONNREFUSED instead. And where loopback is all the network
 * there is, an address of it is found.
 */
/* PROTO: test.mx */
/* NEEDS: additions */
#define _GNU_SOURCE
#include "connect.h"
#include "netns.h"

/* The one port that clients are given from now on: another each time, as one that was
 * connected to itself stays taken for a while. */
static const char *only_port(void)
{
	static char port[8];
	static int number = 4711;
	char range[20];

	snprintf(port, sizeof(port), "%d", ++number);
	snprintf(range, sizeof(range), "%d %d", number, number);
	netns_set("ipv4/ip_local_port_range", range);
	return port;
}

int main(void)
{
	struct mrpc_conn_set *set;
	struct place place;
	struct leaks leaks;
	char *port = NULL;

	if (!netns_enter())
		tap_skip("no network namespaces for this user");
	leaks_begin(&leaks);
	place_open(&place);
	set = client_open();

	SECTION("loopback only");
	REQUIRE_EQ(mrpc_listen(place.set, AF_INET, "127.0.0.1", &port), 0);
	CHECK_EQ(visit(set, AF_INET, "127.0.0.1", port), 0);
	CHECK_EQ(visit(set, AF_UNSPEC, "127.0.0.1", port), 0);
	CHECK_EQ(visit(set, AF_INET, NULL, port), 0);
	CHECK_EQ(mrpc_set_connect_timeout(set, 1000 * 1000), 0);
	CHECK_EQ(visit(set, AF_INET, "127.0.0.1", port), 0);
	CHECK_EQ(visit(set, AF_INET, NULL, port), 0);
	CHECK_EQ(mrpc_set_connect_timeout(set, 0), 0);

	SECTION("not to itself: one port is all there is for clients");
	{
		struct sockaddr_in here = { .sin_family = AF_INET };
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		here.sin_port = htons(atoi(only_port()));
		here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		CHECK_EQ(connect(fd, (struct sockaddr *)&here, sizeof(here)), 0);
		close(fd);
	}
	CHECK_EQ(visit(set, AF_INET, "127.0.0.1", only_port()), ECONNREFUSED);
	CHECK_EQ(visit(set, AF_INET6, "::1", only_port()), ECONNREFUSED);
	CHECK_EQ(mrpc_set_connect_timeout(set, 1000 * 1000), 0);
	CHECK_EQ(visit(set, AF_INET, "127.0.0.1", only_port()), ECONNREFUSED);
	CHECK_EQ(visit(set, AF_INET6, "::1", only_port()), ECONNREFUSED);

	SECTION("nothing is left");
	place_close(&place);
	mrpc_conn_set_unref(set);
	free(port);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
