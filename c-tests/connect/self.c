/*
 * A port that nobody listens on, in the range from which clients get theirs: TCP would
 * connect a socket to itself. ECONNREFUSED instead, however it is connected. And where loopback
 * is all the network there is, an address of it is found, by name and by number.
 */
/* PROTO: test.mx */
/* NEEDS: additions */
#define _GNU_SOURCE
#include "attempt.h"
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

/* What an attempt that nobody waits for comes to; one that stands is used. */
static int attempt_once(struct mrpc_conn_set *set, int family, const char *host, const char *port)
{
	struct attempt a;
	int error;

	attempt_init(&a, set);
	CHECK_EQ(mrpc_connect_async(a.conn, family, host, port, attempt_told, &a), 0);
	COUNTER_WAIT(&a.told, 1);
	error = a.error;
	if (error == 0)
		use(a.conn);
	attempt_end(&a);
	return error;
}

/* However it is written. */
static void loopback(struct mrpc_conn_set *set, const char *port)
{
	static const char *const hosts[] = { "127.0.0.1", "only.loopback", NULL };
	int i;

	for (i = 0; i < 3; i++) {
		CHECK_EQ(visit(set, AF_INET, hosts[i], port), 0);
		CHECK_EQ(attempt_once(set, AF_INET, hosts[i], port), 0);
	}
	CHECK_EQ(visit(set, AF_UNSPEC, "127.0.0.1", port), 0);
	CHECK_EQ(visit(set, AF_UNSPEC, "only.loopback", port), 0);
}

int main(void)
{
	struct mrpc_conn_set *set;
	struct place place;
	struct leaks leaks;
	char *port = NULL;
	int i;

	if (!netns_enter())
		tap_skip("no network namespaces for this user");
	if (!netns_file("/etc/hosts", "127.0.0.1 localhost only.loopback\n"))
		tap_skip("no mounts of our own");
	leaks_begin(&leaks);
	place_open(&place);
	set = client_open();

	SECTION("loopback only");
	REQUIRE_EQ(mrpc_listen(place.set, AF_INET, "127.0.0.1", &port), 0);
	loopback(set, port);
	CHECK_EQ(mrpc_set_connect_timeout(set, 1000 * 1000), 0);
	loopback(set, port);
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

	SECTION("nor where nobody waits");
	for (i = 0; i < 3; i++) {
		CHECK_EQ(attempt_once(set, AF_INET, "127.0.0.1", only_port()), ECONNREFUSED);
		CHECK_EQ(attempt_once(set, AF_INET6, "::1", only_port()), ECONNREFUSED);
		CHECK_EQ(attempt_once(set, AF_INET, "only.loopback", only_port()), ECONNREFUSED);
	}

	SECTION("nothing is left");
	place_close(&place);
	mrpc_conn_set_unref(set);
	free(port);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
