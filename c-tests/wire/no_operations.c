/*
 * A connection whose operations were never set: PROCEDURE_UNAVAIL, one-way
 * messages dropped, without an ioerr.
 */
/* PROTO: test.mx */
#include "wire.h"

int main(void)
{
	struct leaks leaks;
	struct wire w;

	leaks_begin(&leaks);
	for (int role = 0; role < ROLES; role++) {
		SECTION("%s: every kind of message", wire_role_name(role));
		wire_open_set(&w, role);
		probe_init(&w.probe);
		REQUIRE_EQ(mrpc_conn_create(&w.conn, w.set, &w.probe), 0);
		w.peer = peer_bind(w.conn);
		peer_send(w.peer, 1, PENDING, CMD_PING, NULL, 0);
		PEER_EXPECT(w.peer, 1, MINIRPC_PROCEDURE_UNAVAIL, CMD_PING, NULL, 0);
		peer_send(w.peer, 2, PENDING, MSG_POKE, NULL, 0);
		peer_send(w.peer, 3, PENDING, MSG_NOTIFY, "\0\0\0\1", 4);
		peer_send(w.peer, 4, PENDING, CMD_ADD, "\0\0\0\1\0\0\0\2", 8);
		PEER_EXPECT(w.peer, 4, MINIRPC_PROCEDURE_UNAVAIL, CMD_ADD, NULL, 0);
		PEER_QUIET(w.peer, 20);
		CHECK_EQ(counter_get(&w.probe.ioerrs), 0);

		SECTION("%s: operations set in between", wire_role_name(role));
		if (role == AS_SERVER)
			CHECK_EQ(test_server_set_operations(w.conn, &wire_server_ops), 0);
		else
			CHECK_EQ(test_client_set_operations(w.conn, &wire_client_ops), 0);
		WIRE_IN_STEP(&w, 5);
		wire_close(&w);
	}
	SECTION("nothing is left");
	LEAKS_CHECK(&leaks);
	return tap_done();
}
