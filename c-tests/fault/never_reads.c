/* PROTO: test.mx */
/*
 * A peer that never reads: the queue towards it takes all that is sent, no
 * call of ours blocks, neither does the close, and others are served. When the
 * peer is gone, so is the connection.
 */
#include "fault.h"

enum { LEN = 65536, MESSAGES = 200 };

static char payload[LEN];

static void fill(struct mrpc_connection *conn)
{
	blob b = { LEN, payload };
	int i;

	for (i = 0; i < MESSAGES; i++)
		if (!CHECK_EQ(PROMPT(test_flood(conn, &b)), MINIRPC_OK))
			break;
}

int main(void)
{
	struct leaks leaks;
	struct end e;
	int good, bad, i;

	leaks_begin(&leaks);
	server_start(1);
	good = server_peer();
	bad = server_peer();

	SECTION("%d MiB are queued without blocking; others are served", LEN / 1024 * MESSAGES / 1024);
	fill(server.last);
	for (i = 0; i < 50; i++)
		SERVED(good);

	SECTION("a queue that can't drain costs no processor time");
	{
		double used = cpu_ms();

		STAYS(counter_get(&server.ended) == 0, 200);
		used = cpu_ms() - used;
		CHECK_MSG(used < (double)scaled(70), "used %.0f of 200 ms", used);
	}

	SECTION("requests of the peer are still served");
	peer_number(bad, 0, nr_test_notify, 1);
	COUNTER_WAIT(&server.messages, 1);

	SECTION("the peer goes away with all of it unread");
	close(bad);
	COUNTER_WAIT(&server.ended, 1);
	SERVED(good);
	close(good);
	server_stop();

	SECTION("mrpc_conn_close does not block; the peer reads some, and goes");
	for (i = 0; i < 2; i++) {
		static char some[1 << 20];

		end_open(&e, test_server, 1, i == 1);
		fill(e.conn);
		CHECK_EQ(PROMPT(mrpc_conn_close(e.conn)), 0);
		CHECK_EQ(PROMPT(test_tick(e.conn)), MINIRPC_NETWORK_FAILURE);
		CHECK(peer_read(e.fd, some, sizeof(some)));
		close(e.fd);
		e.fd = -1;
		end_await(&e);
		CHECK_EQ(e.probe.reason, MRPC_DISC_USER);
		end_close(&e);
	}
	LEAKS_CHECK(&leaks);
	return tap_done();
}
