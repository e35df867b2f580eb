/*
 * The stream ends at every byte of a message: what had arrived completely is
 * handled, what had not is nothing, the disconnect says CLOSED.
 */
/* PROTO: test.mx */
#include "wire.h"

int main(void)
{
	static const unsigned char zero[4];
	unsigned char script[2 * HEADER_LEN + 8];
	struct leaks leaks;
	struct frame call;
	struct wire w;

	leaks_begin(&leaks);
	peer_header(script, 1, PENDING, MSG_POKE, 0);
	peer_header(script + HEADER_LEN, 2, PENDING, CMD_ADD, 8);
	memset(script + 2 * HEADER_LEN, 0, 8);
	for (int role = 0; role < ROLES; role++) {
		wire_open_set(&w, role);
		for (size_t end = 0; end <= sizeof(script); end++) {
			SECTION("%s: after byte %zu", wire_role_name(role), end);
			wire_connect(&w);
			if (end % 3 == 0) {
				CHECK_EQ(wire_call_add(&w, 1, 2), MINIRPC_OK);
				/* Closing with something unread would be a reset. */
				peer_recv(w.peer, &call);
				free(call.data);
			}
			peer_write(w.peer, script, end);
			if (end == sizeof(script))
				PEER_EXPECT(w.peer, 2, MINIRPC_OK, CMD_ADD, zero, sizeof(zero));
			wire_disconnect(&w);
			CHECK_EQ(w.probe.reason, MRPC_DISC_CLOSED);
			CHECK_EQ(counter_get(&wire_messages), end >= HEADER_LEN);
			CHECK_EQ(counter_get(&wire_requests), end == sizeof(script));
			CHECK_EQ(counter_get(&wire_replies), end % 3 == 0);
			if (end % 3 == 0)
				CHECK_EQ(wire_status, MINIRPC_NETWORK_FAILURE);
			CHECK_EQ(counter_get(&w.probe.disconnects), 1);
		}

		SECTION("%s: half closed by the peer, which is an end too", wire_role_name(role));
		wire_connect(&w);
		peer_write(w.peer, script, HEADER_LEN + 5);
		REQUIRE_EQ(shutdown(w.peer, SHUT_WR), 0);
		COUNTER_WAIT(&w.probe.disconnects, 1);
		CHECK_EQ(w.probe.reason, MRPC_DISC_CLOSED);
		CHECK_EQ(counter_get(&wire_messages), 1);
		PEER_EOF(w.peer);
		wire_disconnect(&w);
		mrpc_conn_set_unref(w.set);
	}
	SECTION("nothing is left");
	LEAKS_CHECK(&leaks);
	return tap_done();
}
