/* A connection reset by the peer: an ioerr, a disconnect with reason IOERR. */
/* PROTO: test.mx */
#include "wire.h"

#include <netinet/in.h>

/* Ends the TCP connection with a reset instead of an end of the stream. */
static void reset(int fd)
{
	struct linger linger = { 1, 0 };

	REQUIRE_EQ(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
	close(fd);
}

int main(void)
{
	struct leaks leaks;
	struct wire w;

	leaks_begin(&leaks);
	for (int role = 0; role < ROLES; role++) {
		char port[8];
		int listener = peer_listen(port);

		SECTION("%s: idle, then reset", wire_role_name(role));
		wire_open_set(&w, role);
		for (int i = 0; i < 20; i++) {
			int fd = peer_connect(port);

			w.peer = peer_accept(listener);
			probe_init(&w.probe);
			counter_init(&wire_replies);
			REQUIRE_EQ(mrpc_conn_create(&w.conn, w.set, &w.probe), 0);
			REQUIRE_EQ(mrpc_bind_fd(w.conn, fd), 0);
			CHECK_EQ(wire_call_add(&w, 1, 2), MINIRPC_OK);
			PEER_EXPECT(w.peer, 0, PENDING, CMD_ADD, "\0\0\0\1\0\0\0\2", 8);
			reset(w.peer);
			COUNTER_WAIT(&w.probe.disconnects, 1);
			CHECK_EQ(w.probe.reason, MRPC_DISC_IOERR);
			CHECK_EQ(counter_get(&w.probe.ioerrs), 1);
			CHECK(w.probe.text[0] != '\0');
			CHECK_EQ(counter_get(&wire_replies), 1);
			CHECK_EQ(wire_status, MINIRPC_NETWORK_FAILURE);
			mrpc_conn_unref(w.conn);
		}
		close(listener);
		mrpc_conn_set_unref(w.set);
	}
	SECTION("nothing is left");
	LEAKS_CHECK(&leaks);
	return tap_done();
}
