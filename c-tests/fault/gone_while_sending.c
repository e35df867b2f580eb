/* PROTO: test.mx */
/*
 * A peer goes away just when a thread sends to it, again and again: whether the
 * sender or the reader hears of it first, the connection ends.
 */
#include "extra_rt.h"

enum { ROUNDS = 2000 };

int main(void)
{
	struct end e;
	int i;

	SECTION("%d peers that go away", ROUNDS);
	end_open(&e, test_server, 1, false);
	for (i = 0; i < ROUNDS; i++) {
		struct mrpc_connection *conn;
		struct probe probe;
		int fd;

		probe_init(&probe);
		fd = end_add(e.set, &conn, &probe, false);
		close(fd);
		while (test_tick(conn) == MINIRPC_OK)
			continue;
		if (!COUNTER_WAIT(&probe.disconnects, 1))
			break;
		mrpc_conn_unref(conn);
	}
	end_close(&e);
	return tap_done();
}
