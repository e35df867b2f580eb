/* PROTO: test.mx */
/* MODES: plain asan (memcheck itself accepts beyond the limit, and then closes) */
/*
 * No descriptor left to accept with: established connections are untouched, no
 * busy loop, and whoever waits in the backlog is accepted when there are some.
 */
#include "fault.h"

enum { WAITING = 5 };

static int unconnected(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	REQUIRE(fd >= 0);
	return fd;
}

static void connect_to(int fd, const char *port)
{
	struct sockaddr_in addr;

	memset(&addr, 0, sizeof(addr));
	addr.sin_family = AF_INET;
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	addr.sin_port = htons((uint16_t)atoi(port));
	REQUIRE_EQ(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
}

int main(void)
{
	int fds[WAITING], good, round, fds_before, i;
	struct leaks leaks;
	struct rlimit old;
	double used;
	long n;

	leaks_begin(&leaks);
	server_start(1);
	good = server_peer();
	fds_before = count_fds();
	REQUIRE_EQ(mrpc_set_accept_backoff(server.set, 100), 0);
	for (round = 0; round < 2; round++) {
		SECTION("at the limit nobody is accepted; the one that is there is served");
		WAIT_FOR(count_fds() == fds_before);
		n = counter_get(&server.accepted);
		for (i = 0; i < WAITING; i++)
			fds[i] = unconnected();
		old = limit_fds(0);
		for (i = 0; i < WAITING; i++) {
			connect_to(fds[i], server.port);
			peer_send(fds[i], 7, PENDING, nr_test_ping, NULL, 0);
			SERVED(good);
		}

		SECTION("no busy loop, over several back-off times");
		used = cpu_ms();
		STAYS(counter_get(&server.accepted) == n, 350);
		used = cpu_ms() - used;
		CHECK_MSG(used < (double)scaled(120), "used %.0f of 350 ms", used);
		SERVED(good);
		CHECK_EQ(counter_get(&server.ended), n - 1);

		SECTION("when there are descriptors again, all are accepted and served");
		unlimit_fds(old);
		COUNTER_WAIT(&server.accepted, n + WAITING);
		for (i = 0; i < WAITING; i++)
			PEER_EXPECT(fds[i], 7, MINIRPC_OK, nr_test_ping, NULL, 0);
		for (i = 0; i < WAITING; i++)
			close(fds[i]);
		COUNTER_WAIT(&server.ended, n + WAITING - 1);
	}
	SECTION("some are accepted, then the limit is met");
	WAIT_FOR(count_fds() == fds_before);
	n = counter_get(&server.accepted);
	for (i = 0; i < WAITING; i++)
		fds[i] = unconnected();
	old = limit_fds(2);
	for (i = 0; i < WAITING; i++)
		connect_to(fds[i], server.port);
	COUNTER_WAIT(&server.accepted, n + 2);
	STAYS(counter_get(&server.accepted) == n + 2, 150);
	unlimit_fds(old);
	COUNTER_WAIT(&server.accepted, n + WAITING);
	for (i = 0; i < WAITING; i++)
		SERVED(fds[i]);
	for (i = 0; i < WAITING; i++)
		close(fds[i]);

	SECTION("the set ends while its listener backs off");
	close(good);
	COUNTER_WAIT(&server.ended, counter_get(&server.accepted));
	WAIT_FOR(count_fds() == fds_before - 2);
	fds[0] = unconnected();
	old = limit_fds(0);
	connect_to(fds[0], server.port);
	server_stop();
	unlimit_fds(old);
	close(fds[0]);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
