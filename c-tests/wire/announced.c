/*
 * A payload announced costs no memory before its bytes come, whatever the
 * maximum; one over the maximum is thrown away in bounded memory.
 */
/* PROTO: test.mx */
/* MODES: plain (measures resident memory) */
#include "wire.h"

#include <limits.h>

enum { MIB = 1 << 20, PEERS = 16 };

static void check_grown(long before, long limit)
{
	long grown = rss_bytes() - before;

	CHECK_MSG(grown < limit, "grown by %ld bytes, limit %ld", grown, limit);
}

int main(void)
{
	struct wire wires[PEERS];
	struct leaks leaks;
	static unsigned char some[65536];
	unsigned char header[HEADER_LEN];
	long before;

	leaks_begin(&leaks);
	for (int role = 0; role < ROLES; role++) {
		/* one connection used first, so that nothing is measured that
		 * every connection needs */
		for (int huge = 0; huge < 2; huge++) {
			SECTION("%s: 4 GiB - 1 announced, nothing following; %s",
				wire_role_name(role), huge ? "maximum UINT_MAX" : "default maximum");
			for (int i = 0; i < PEERS; i++) {
				wire_open(&wires[i], role);
				if (huge)
					REQUIRE_EQ(mrpc_set_max_buf_len(wires[i].set, UINT_MAX), 0);
				WIRE_IN_STEP(&wires[i], 1);
			}
			before = rss_bytes();
			for (int i = 0; i < PEERS; i++) {
				peer_header(header, 2, i & 1 ? PENDING : MINIRPC_OK,
					    i & 2 ? CMD_ECHO : MSG_PUSH, 0xffffffff);
				peer_write(wires[i].peer, header, sizeof(header));
				wire_drained(&wires[i]);
			}
			STAYS(true, 20);
			check_grown(before, MIB);

			SECTION("%s: then 64 KiB of it; %s", wire_role_name(role),
				huge ? "maximum UINT_MAX" : "default maximum");
			for (int i = 0; i < PEERS; i++) {
				peer_write(wires[i].peer, some, sizeof(some));
				wire_drained(&wires[i]);
			}
			check_grown(before, PEERS * 4 * (long)sizeof(some) + MIB);
			for (int i = 0; i < PEERS; i++)
				wire_close(&wires[i]);
		}

		SECTION("%s: 64 MiB over the maximum are thrown away in bounded memory",
			wire_role_name(role));
		wire_open(&wires[0], role);
		WIRE_IN_STEP(&wires[0], 1);
		before = rss_bytes();
		peer_header(header, 2, PENDING, CMD_ECHO, 64 * MIB);
		peer_write(wires[0].peer, header, sizeof(header));
		for (int i = 0; i < 64 * MIB / (int)sizeof(some); i++)
			peer_write(wires[0].peer, some, sizeof(some));
		PEER_EXPECT(wires[0].peer, 2, MINIRPC_ENCODING_ERR, CMD_ECHO, NULL, 0);
		check_grown(before, MIB);
		WIRE_IN_STEP(&wires[0], 3);
		wire_close(&wires[0]);
	}
	SECTION("nothing is left");
	LEAKS_CHECK(&leaks);
	return tap_done();
}
