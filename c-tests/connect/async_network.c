/*
 * mrpc_connect_async with names: RFC 8305 also without a timeout; a name server that stays
 * silent ends in time, can be given up by mrpc_conn_close, and keeps nobody else.
 */
/* PROTO: test.mx */
/* NEEDS: additions */
/* TIMEOUT: 60 */
#define _GNU_SOURCE
#include "attempt.h"
#include "network.h"

enum { DELAY = 250, SOON = 300, LIMIT = 200, TARDY = 5000 };

static const char hosts[] =
	"127.0.0.1 localhost\n"
	HOLE6 " drops\n" IPV4 " drops\n"
	IPV6 " both\n" IPV4 " both\n"
	"127.0.0.2 refuses\n" IPV4 " refuses\n"
	"127.0.0.2 none\n127.0.0.3 none\n"
	"10.78.1.1 routes\n10.78.2.1 routes\n10.78.3.1 routes\n10.79.0.1 routes\n" IPV4 " routes\n";

enum { ADDRESSES = 20 };

static struct mrpc_conn_set *set;

static int attempt_name(struct attempt *a, const char *host)
{
	return mrpc_connect_async(a->conn, AF_UNSPEC, host, "4711", attempt_told, a);
}

/* The best of some tries connects by that family within ms. */
static void takes_at_most(const char *host, int family, int64_t ms)
{
	int64_t best = INT64_MAX;
	int i;

	for (i = 0; i < 10 && best > ms; i++) {
		struct sockaddr_storage peer;
		socklen_t len = sizeof(peer);
		struct attempt a;
		int64_t start = now_ms(), took;

		attempt_init(&a, set);
		CHECK_EQ(attempt_name(&a, host), 0);
		COUNTER_WAIT(&a.told, 1);
		took = now_ms() - start;
		if (took < best)
			best = took;
		CHECK_EQ(a.error, 0);
		CHECK_EQ(mrpc_conn_get_peer_address(a.conn, (struct sockaddr *)&peer, &len), 0);
		CHECK_EQ(peer.ss_family, family);
		use(a.conn);
		attempt_end(&a);
	}
	tap_note("%s: %lld ms", host, (long long)best);
	CHECK_MSG(best <= scaled(ms), "%s took %lld ms", host, (long long)best);
}

int main(void)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(53) };
	char *service = strdup("4711");
	struct mrpc_conn_set *other;
	struct attempt a, b;
	struct place place;
	struct leaks leaks;
	int64_t start, took;
	int server, threads, fds, i;
	char text_of_hosts[2048];
	size_t at;

	at = (size_t)snprintf(text_of_hosts, sizeof(text_of_hosts), "%s", hosts);
	for (i = 1; i < ADDRESSES; i++)
		at += (size_t)snprintf(text_of_hosts + at, sizeof(text_of_hosts) - at,
				       "127.0.0.%d twenty\n", i + 1);
	snprintf(text_of_hosts + at, sizeof(text_of_hosts) - at, IPV4 " twenty\n");
	network_open(text_of_hosts);
	IP("route add blackhole 10.78.1.0/24 && ip route add prohibit 10.78.2.0/24");
	IP("route add unreachable 10.78.3.0/24");
	if (!netns_file("/etc/resolv.conf",
			"nameserver 127.0.0.1\noptions timeout:5 attempts:1\n") ||
	    !netns_file("/etc/nsswitch.conf", "hosts: files dns\n"))
		tap_skip("no mounts of our own");
	server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	REQUIRE_EQ(bind(server, (struct sockaddr *)&addr, sizeof(addr)), 0);
	leaks_begin(&leaks);
	place_open(&place);
	REQUIRE_EQ(mrpc_listen(place.set, AF_INET, IPV4, &service), 0);
	REQUIRE_EQ(mrpc_listen(place.set, AF_INET6, IPV6, &service), 0);
	set = client_open();
	threads = count_threads();

	SECTION("IPv6 that drops packets, IPv4 that works: within 300 ms");
	takes_at_most("drops", AF_INET, SOON);

	SECTION("both work: IPv6 wins; the first refuses: the second at once");
	takes_at_most("both", AF_INET6, DELAY - 1);
	takes_at_most("refuses", AF_INET, DELAY - 1);

	SECTION("routes that refuse, and %d addresses: the next at once", ADDRESSES);
	takes_at_most("routes", AF_INET, DELAY - 1);
	takes_at_most("twenty", AF_INET, DELAY - 1);

	SECTION("all refuse: the error of the last");
	attempt_init(&a, set);
	CHECK_EQ(attempt_name(&a, "none"), 0);
	COUNTER_WAIT(&a.told, 1);
	CHECK_EQ(a.error, ECONNREFUSED);
	error_is(a.conn, "127.0.0.3 port 4711: Connection refused");

	SECTION("a silent name server: ETIMEDOUT, in time");
	WAIT_FOR(count_threads() == threads);
	REQUIRE_EQ(mrpc_set_connect_timeout(set, LIMIT), 0);
	start = now_ms();
	CHECK_EQ(attempt_name(&a, "no.such.name."), 0);
	COUNTER_WAIT(&a.told, 2);
	took = now_ms() - start;
	CHECK_EQ(a.error, ETIMEDOUT);
	CHECK_MSG(took >= LIMIT && took <= scaled(TARDY), "after %lld ms", (long long)took);

	SECTION("closed while the name is resolved: ECANCELED at once, though the thread goes on");
	REQUIRE_EQ(mrpc_set_connect_timeout(set, 0), 0);
	attempt_init(&b, set);
	CHECK_EQ(attempt_name(&b, "no.such.name."), 0);
	WAIT_FOR(count_threads() > threads);
	CHECK_EQ(mrpc_conn_close(b.conn), 0);
	COUNTER_WAIT(&b.told, 1);
	CHECK_EQ(b.error, ECANCELED);
	CHECK(count_threads() > threads);
	mrpc_conn_unref(b.conn);

	SECTION("meanwhile others connect");
	CHECK_EQ(mrpc_connect_async(a.conn, AF_INET, IPV4, "4711", attempt_told, &a), 0);
	COUNTER_WAIT(&a.told, 3);
	CHECK_EQ(a.error, 0);
	use(a.conn);
	attempt_end(&a);

	SECTION("no such name, in the end: the resolution's error");
	attempt_init(&a, set);
	CHECK_EQ(attempt_name(&a, "no.such.name."), 0);
	COUNTER_WAIT(&a.told, 1);
	CHECK_EQ(a.error, EAGAIN);

	SECTION("the set ends before the thread does, which holds nothing of it");
	WAIT_FOR(count_threads() == threads);
	fds = count_fds();
	other = client_open();
	attempt_init(&b, other);
	CHECK_EQ(attempt_name(&b, "no.such.name."), 0);
	WAIT_FOR(count_threads() == threads + 3);
	mrpc_conn_set_unref(other);
	CHECK_EQ(mrpc_conn_close(b.conn), 0);
	mrpc_conn_unref(b.conn);
	COUNTER_WAIT(&b.told, 1);
	CHECK_EQ(b.error, ECANCELED);
	/* it asks by a socket of its own */
	WAIT_FOR(count_threads() == threads + 1 && count_fds() <= fds + 1);
	mrpc_conn_unref(a.conn);
	place_close(&place);
	mrpc_conn_set_unref(set);
	free(service);
	LEAKS_CHECK(&leaks);
	close(server);
	return tap_done();
}
