/*
 * Replies to requests that are handled one by one leave in order, also with
 * several dispatchers: there are peers that take the next message to be the
 * reply to their last request.
 */
/* PROTO: test.mx */
#include "wire.h"

enum { REQUESTS = 2000, ROUND = 100 };

int main(void)
{
	static unsigned char batch[ROUND * (HEADER_LEN + 64)];
	struct leaks leaks;
	struct wire w;

	leaks_begin(&leaks);
	for (int role = 0; role < ROLES; role++) {
		SECTION("%s: %d requests of several kinds, pipelined", wire_role_name(role),
			REQUESTS);
		wire_open(&w, role);
		for (int i = 0; i < 3; i++)
			REQUIRE_EQ(mrpc_start_dispatch_thread(w.set), 0);
		for (uint32_t seq = 0; seq < REQUESTS; seq += ROUND) {
			size_t len = 0;

			for (uint32_t i = seq; i < seq + ROUND; i++) {
				static const int cmds[4] = { CMD_PING, CMD_ADD, CMD_UNKNOWN, CMD_ECHO };
				static const uint32_t lens[4] = { 0, 8, 0, 60 };
				unsigned char *at = batch + len;

				peer_header(at, i, PENDING, cmds[i % 4], lens[i % 4]);
				memset(at + HEADER_LEN, 0, 60);
				if (i % 4 == 3)
					put_u32(at + HEADER_LEN, 56);
				len += HEADER_LEN + lens[i % 4];
			}
			peer_write(w.peer, batch, len);
			for (uint32_t i = seq; i < seq + ROUND; i++) {
				struct frame f;

				peer_recv(w.peer, &f);
				REQUIRE_EQ(f.seq, i);
				free(f.data);
			}
		}
		wire_close(&w);
	}
	SECTION("nothing is left");
	LEAKS_CHECK(&leaks);
	return tap_done();
}
