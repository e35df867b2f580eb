/* PROTO: test.mx */
/* Messages that are sent in quick succession arrive, also the last one, behind which
 * nothing is sent, nothing is received, and nothing is handled. */
#include "extra_rt.h"

enum { ROUNDS = 200, MESSAGES = 3 };

static void run(bool tcp)
{
	struct frame f;
	struct end e;
	int i, round;

	end_open(&e, test_server, 1, tcp);
	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < MESSAGES; i++)
			REQUIRE_EQ(test_tick(e.conn), MINIRPC_OK);
		for (i = 0; i < MESSAGES; i++) {
			peer_recv(e.fd, &f);
			CHECK_EQ(f.cmd, nr_test_tick);
			free(f.data);
		}
	}
	end_close(&e);
}

int main(void)
{
	SECTION("%d times %d messages, TCP", ROUNDS, MESSAGES);
	run(true);
	SECTION("a Unix socket");
	run(false);
	return tap_done();
}
