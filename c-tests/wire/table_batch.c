/*
 * All rows of the receiver table on one connection, in one write, many times:
 * the outcomes are those of the single messages, in order.
 */
/* PROTO: test.mx */
#include "table.h"

enum { ROUNDS = 20 };

/* A reply needs its call, with sequence 0: only the first one could have it. */
static bool usable(const struct row *row)
{
	return row->call == NO_OUTSTANDING;
}

int main(void)
{
	static unsigned char batch[ROWS * SCRIPT_MAX];
	struct leaks leaks;
	struct wire w;

	leaks_begin(&leaks);
	for (int role = 0; role < ROLES; role++) {
		size_t len = 0;
		int ioerrs = 0, requests = 0, messages = 0;

		SECTION("%s: %d times all messages, one write each time", wire_role_name(role),
			ROUNDS);
		wire_open_set(&w, role);
		REQUIRE_EQ(mrpc_set_max_buf_len(w.set, TABLE_MAX), 0);
		wire_connect(&w);
		for (int i = 0; i < ROWS; i++)
			if (usable(&rows[i]))
				len += row_script(&rows[i], batch + len);
		for (int round = 0; round < ROUNDS; round++) {
			peer_write(w.peer, batch, len);
			for (int i = 0; i < ROWS; i++) {
				if (!usable(&rows[i]))
					continue;
				ioerrs += rows[i].ioerrs;
				requests += rows[i].requests + 1;
				messages += rows[i].messages;
				if (rows[i].reply != NO_REPLY)
					CHECK_MSG(PEER_EXPECT(w.peer, rows[i].seq, rows[i].reply,
							      rows[i].cmd, rows[i].reply_payload,
							      rows[i].reply_len),
						  "reply to: %s", rows[i].name);
				CHECK_MSG(PEER_EXPECT(w.peer, 501, MINIRPC_OK, CMD_PING, NULL, 0),
					  "after: %s", rows[i].name);
			}
		}
		CHECK_EQ(counter_get(&wire_requests), requests);
		CHECK_EQ(counter_get(&wire_messages), messages);
		wire_disconnect(&w);
		CHECK_EQ(counter_get(&w.probe.ioerrs), ioerrs);
		mrpc_conn_set_unref(w.set);
	}
	SECTION("nothing is left");
	LEAKS_CHECK(&leaks);
	return tap_done();
}
