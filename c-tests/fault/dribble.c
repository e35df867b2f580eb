/* PROTO: test.mx */
/*
 * Peers that send one byte now and then: their requests are answered when they
 * are complete, and not before; another connection is served between any two
 * of their bytes.
 */
#include "fault.h"

enum { PEERS = 4 };

int main(void)
{
	static const unsigned char payload[8] = { 0, 0, 0, 3, 'x', 'y', 'z', 0 };
	unsigned char message[HEADER_LEN + sizeof(payload)];
	int fds[PEERS], good, i, turn;
	struct leaks leaks;
	size_t at;

	leaks_begin(&leaks);
	server_start(1);
	peer_header(message, 9, PENDING, nr_test_echo, sizeof(payload));
	memcpy(message + HEADER_LEN, payload, sizeof(payload));
	for (i = 0; i < PEERS; i++)
		fds[i] = server_peer();
	good = server_peer();
	SECTION("%d peers, byte by byte, in turn", PEERS);
	for (turn = 0; turn < 3; turn++) {
		for (at = 0; at < sizeof(message); at++)
			for (i = 0; i < PEERS; i++) {
				struct pollfd p = { fds[i], POLLIN, 0 };

				CHECK_EQ(poll(&p, 1, 0), 0);
				peer_write(fds[i], message + at, 1);
				SERVED(good);
			}
		for (i = 0; i < PEERS; i++)
			PEER_EXPECT(fds[i], 9, MINIRPC_OK, nr_test_echo, payload,
				    sizeof(payload));
	}
	for (i = 0; i < PEERS; i++)
		close(fds[i]);
	close(good);
	server_stop();
	CHECK_EQ(counter_get(&server.ioerrs), 0);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
