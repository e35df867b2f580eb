/* PROTO: test.mx */
/* MODES: plain asan (memcheck itself accepts beyond the limit, and then closes) */
/*
 * mrpc_set_accept_backoff: how long nobody is accepted after the descriptors
 * ran out, also when there are some again before, and another peer comes.
 */
#include "fault.h"

/* `fds`: how many there are without a connection; the limit counts them. */
static int64_t accepted_after(unsigned backoff, int fds)
{
	long n = counter_get(&server.accepted);
	struct sockaddr_in addr;
	socklen_t len = sizeof(addr);
	int fd, second, probe;
	struct rlimit old;
	int64_t start;

	WAIT_FOR(count_fds() == fds);
	REQUIRE_EQ(mrpc_set_accept_backoff(server.set, backoff), 0);
	/* The address of the listener, by way of a connection to it. */
	probe = server_peer();
	n++;
	REQUIRE_EQ(getpeername(probe, (struct sockaddr *)&addr, &len), 0);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	REQUIRE(fd >= 0);
	old = limit_fds(0);
	start = now_ms();
	REQUIRE_EQ(connect(fd, (struct sockaddr *)&addr, len), 0);
	/* The background thread has woken up for it before it serves this. */
	SERVED(probe);
	STAYS(counter_get(&server.accepted) == n, 30);
	unlimit_fds(old);
	second = peer_connect(server.port);
	COUNTER_WAIT(&server.accepted, n + 1);
	start = now_ms() - start;
	COUNTER_WAIT(&server.accepted, n + 2);
	SERVED(fd);
	SERVED(second);
	close(fd);
	close(second);
	close(probe);
	COUNTER_WAIT(&server.ended, n + 2);
	return start;
}

int main(void)
{
	struct leaks leaks;
	int64_t took;
	int fds;

	leaks_begin(&leaks);
	server_start(1);
	fds = count_fds();
	SECTION("500 ms");
	took = accepted_after(500, fds);
	CHECK_MSG(took >= 495 && took < scaled(2000), "took %lld ms", (long long)took);
	SECTION("20 ms");
	took = accepted_after(20, fds);
	CHECK_MSG(took < scaled(400), "took %lld ms", (long long)took);
	SECTION("the default: a second");
	server_stop();
	server_start(1);
	took = accepted_after(1000, fds);
	CHECK_MSG(took >= 995, "took %lld ms", (long long)took);
	server_stop();
	LEAKS_CHECK(&leaks);
	return tap_done();
}
