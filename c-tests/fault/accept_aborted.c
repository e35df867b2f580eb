/* PROTO: test.mx */
/*
 * Connections that were aborted before they could be accepted neither stop nor
 * delay accepting: no back-off for them.
 */
#define _GNU_SOURCE
#include "accept_fails.h"
#include "fault.h"

static const int errors[] = {
	ECONNABORTED, EINTR, EPROTO, ENETDOWN, ENOPROTOOPT, EHOSTDOWN, ENONET,
	EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH
};
enum { ERRORS = sizeof(errors) / sizeof(errors[0]) };

static int next_error = ERRORS;         /* of accept, while there are some */

/* Whether accept fails this time; Linux itself hands out aborted connections. */
static bool accept_fails(void)
{
	int n = __atomic_load_n(&next_error, __ATOMIC_ACQUIRE);

	if (n == ERRORS)
		return false;
	__atomic_store_n(&next_error, n + 1, __ATOMIC_RELEASE);
	errno = errors[n];
	return true;
}

int main(void)
{
	struct leaks leaks;
	int fd, good, i;
	int64_t start;

	leaks_begin(&leaks);
	server_start(1);
	REQUIRE_EQ(mrpc_set_accept_backoff(server.set, 60000), 0);
	good = server_peer();

	SECTION("connections reset at once, between others");
	for (i = 0; i < 50; i++) {
		start = now_ms();
		peer_reset(peer_connect(server.port));
		fd = peer_connect(server.port);
		SERVED(fd);
		CHECK(now_ms() - start < scaled(1000));
		close(fd);
	}
	SERVED(good);

	SECTION("accept fails %d times in a row, with errors of the peer's connection", ERRORS);
	__atomic_store_n(&next_error, 0, __ATOMIC_RELEASE);
	start = now_ms();
	fd = peer_connect(server.port);
	SERVED(fd);
	CHECK(now_ms() - start < scaled(1000));
	close(fd);
	CHECK_EQ(__atomic_load_n(&next_error, __ATOMIC_ACQUIRE), ERRORS);
	SERVED(good);
	close(good);
	server_stop();
	LEAKS_CHECK(&leaks);
	return tap_done();
}
