/* PROTO: test.mx */
/* NEEDS: additions */
/*
 * mrpc_set_request_limit: a request that is too long is answered in its turn, and until
 * then it is none of those that handlers have.
 */
#include "held.h"

enum { MAX = 64 };

static const struct test_server_operations ops = { .ping = answer_ping };

static void run(bool tcp, unsigned limit)
{
	unsigned char burst[3 * HEADER_LEN + MAX + 4], *at = burst;
	struct held h;

	SECTION("%s, at most %u: a request that is too long comes with others",
		tcp ? "TCP" : "AF_UNIX", limit);
	held_open(&h, &ops, 2, tcp, 0);
	REQUIRE_EQ(mrpc_set_max_buf_len(h.e.set, MAX), 0);
	REQUIRE_EQ(mrpc_set_request_limit(h.e.set, limit), 0);
	memset(burst, 0, sizeof(burst));
	peer_header(at, 1, PENDING, nr_test_ping, 0);
	peer_header(at + HEADER_LEN, 2, PENDING, nr_test_echo, MAX + 4);
	peer_header(at + 2 * HEADER_LEN + MAX + 4, 3, PENDING, nr_test_ping, 0);
	peer_write(h.e.fd, burst, sizeof(burst));
	PEER_EXPECT(h.e.fd, 1, MINIRPC_OK, nr_test_ping, NULL, 0);
	PEER_EXPECT(h.e.fd, 2, MINIRPC_ENCODING_ERR, nr_test_echo, NULL, 0);
	PEER_EXPECT(h.e.fd, 3, MINIRPC_OK, nr_test_ping, NULL, 0);
	held_close(&h);
}

int main(void)
{
	struct leaks leaks;
	int tcp;

	leaks_begin(&leaks);
	for (tcp = 0; tcp < 2; tcp++) {
		run(tcp, 1);
		run(tcp, 2);
		LEAKS_CHECK(&leaks);
	}
	return tap_done();
}
