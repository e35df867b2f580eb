/*
 * RFC 8305 with a timeout: IPv6 that drops packets costs a quarter of a second; IPv6 wins
 * where both work; an address that fails at once, for whatever reason, costs nothing, be
 * there 20 of them; the error is that of the last. Without a timeout: one after the other.
 */
/* PROTO: test.mx */
/* NEEDS: additions */
/* TIMEOUT: 60 */
#define _GNU_SOURCE
#include "network.h"

enum { DELAY = 250, SOON = 300, TARDY = 3000 };

static const char hosts[] =
	"127.0.0.1 localhost\n"
	HOLE6 " drops\n" IPV4 " drops\n"
	IPV6 " both\n" IPV4 " both\n"
	"127.0.0.2 refuses\n" IPV4 " refuses\n"
	"10.78.1.1 routes\n10.78.2.1 routes\n10.78.3.1 routes\n10.79.0.1 routes\n" IPV4 " routes\n"
	HOLE4 " holes\n" HOLE6 " holes\n";

/* Connects, and tells the family and how long it took; -1 if it fails. */
static int family_of(struct mrpc_conn_set *set, const char *host, int64_t *took)
{
	struct mrpc_connection *conn;
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);
	struct probe probe;
	int64_t start;
	int family = -1;

	probe_init(&probe);
	REQUIRE_EQ(mrpc_conn_create(&conn, set, &probe), 0);
	start = now_ms();
	if (CHECK_EQ(mrpc_connect(conn, AF_UNSPEC, host, "4711"), 0)) {
		*took = now_ms() - start;
		use(conn);
		CHECK_EQ(mrpc_conn_get_peer_address(conn, (struct sockaddr *)&peer, &len), 0);
		family = peer.ss_family;
		CHECK_EQ(mrpc_conn_close(conn), 0);
		COUNTER_WAIT(&probe.disconnects, 1);
	}
	mrpc_conn_unref(conn);
	return family;
}

/* Busy machines may be late, so the best of some tries counts. */
static bool takes_at_most(struct mrpc_conn_set *set, const char *host, int family, int64_t ms)
{
	int64_t took = 0, best = INT64_MAX;
	int i;

	for (i = 0; i < 10 && best > ms; i++) {
		CHECK_EQ(family_of(set, host, &took), family);
		if (took < best)
			best = took;
	}
	tap_note("%s: %lld ms", host, (long long)best);
	return CHECK_MSG(best <= scaled(ms), "%s took %lld ms", host, (long long)best);
}

int main(void)
{
	char text_of_hosts[2048], *service = strdup("4711");
	struct mrpc_connection *conn;
	struct mrpc_conn_set *set;
	struct place place;
	struct probe probe;
	struct leaks leaks;
	int64_t took = 0, start;
	size_t at;
	int i;

	/* 19 addresses that refuse, one that does not; and 20 that do */
	at = (size_t)snprintf(text_of_hosts, sizeof(text_of_hosts), "%s", hosts);
	for (i = 0; i < 20; i++)
		at += (size_t)snprintf(text_of_hosts + at, sizeof(text_of_hosts) - at,
				       "%s%d twenty\n127.0.1.%d none\n",
				       i < 19 ? "127.0.0." : "10.77.0.", i < 19 ? i + 2 : 1, i + 2);
	network_open(text_of_hosts);
	IP("route add blackhole 10.78.1.0/24 && ip route add prohibit 10.78.2.0/24");
	IP("route add unreachable 10.78.3.0/24");
	leaks_begin(&leaks);
	place_open(&place);
	REQUIRE_EQ(mrpc_listen(place.set, AF_INET, IPV4, &service), 0);
	REQUIRE_EQ(mrpc_listen(place.set, AF_INET6, IPV6, &service), 0);
	set = client_open();
	REQUIRE_EQ(mrpc_set_connect_timeout(set, 1000 * 1000), 0);

	SECTION("IPv6 that drops packets, IPv4 that works: within 300 ms");
	CHECK_EQ(family_of(set, "drops", &took), AF_INET);
	CHECK_MSG(took >= DELAY, "after %lld ms", (long long)took);
	takes_at_most(set, "drops", AF_INET, SOON);

	SECTION("both work: IPv6 wins");
	takes_at_most(set, "both", AF_INET6, DELAY - 1);

	SECTION("the first refuses: the second at once");
	takes_at_most(set, "refuses", AF_INET, DELAY - 1);

	SECTION("routes that refuse: EINVAL, EACCES, EHOSTUNREACH, ENETUNREACH, the next at once");
	takes_at_most(set, "routes", AF_INET, DELAY - 1);
	CHECK_EQ(visit(set, AF_INET, "10.78.1.1", "4711"), EINVAL);
	CHECK_EQ(visit(set, AF_INET, "10.78.2.1", "4711"), EACCES);
	CHECK_EQ(visit(set, AF_INET, "10.78.3.1", "4711"), EHOSTUNREACH);
	CHECK_EQ(visit(set, AF_INET, "10.79.0.1", "4711"), ENETUNREACH);

	SECTION("nobody answers ARP: EHOSTUNREACH, from an attempt that was under way");
	CHECK_EQ(visit(set, AF_INET, "10.77.0.9", "4711"), EHOSTUNREACH);

	SECTION("IPv6 is disabled: IPv4 at once");
	netns_set("ipv6/conf/all/disable_ipv6", "1");
	takes_at_most(set, "drops", AF_INET, DELAY - 1);
	takes_at_most(set, "both", AF_INET, DELAY - 1);
	CHECK_EQ(visit(set, AF_INET6, IPV6, "4711"), EADDRNOTAVAIL);
	netns_set("ipv6/conf/all/disable_ipv6", "0");
	IP("addr replace " IPV6 "/64 dev va nodad");
	IP("neigh replace " HOLE6 " dev va nud permanent lladdr " HOLE_MAC);

	SECTION("a name with 20 addresses");
	takes_at_most(set, "twenty", AF_INET, DELAY - 1);
	probe_init(&probe);
	REQUIRE_EQ(mrpc_conn_create(&conn, set, &probe), 0);
	CHECK_EQ(mrpc_connect(conn, AF_UNSPEC, "none", "4711"), ECONNREFUSED);

	SECTION("all hang: ETIMEDOUT, in time");
	REQUIRE_EQ(mrpc_set_connect_timeout(set, 400), 0);
	start = now_ms();
	CHECK_EQ(mrpc_connect(conn, AF_UNSPEC, "holes", "4711"), ETIMEDOUT);
	took = now_ms() - start;
	CHECK_MSG(took >= 400 && took <= scaled(TARDY), "after %lld ms", (long long)took);
	error_is(conn, "holes: no connection within 400 ms");
	mrpc_conn_unref(conn);

	SECTION("without a timeout: one after the other");
	REQUIRE_EQ(mrpc_set_connect_timeout(set, 0), 0);
	netns_set("ipv4/tcp_syn_retries", "1");
	CHECK_EQ(family_of(set, "drops", &took), AF_INET);
	CHECK_MSG(took >= 900, "after %lld ms", (long long)took);
	takes_at_most(set, "routes", AF_INET, DELAY - 1);
	takes_at_most(set, "twenty", AF_INET, DELAY - 1);
	CHECK_EQ(visit(set, AF_INET, "10.78.1.1", "4711"), EINVAL);
	CHECK_EQ(visit(set, AF_INET, "10.78.2.1", "4711"), EACCES);
	CHECK_EQ(visit(set, AF_INET, "none", "4711"), ECONNREFUSED);

	SECTION("nothing is left");
	place_close(&place);
	mrpc_conn_set_unref(set);
	free(service);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
