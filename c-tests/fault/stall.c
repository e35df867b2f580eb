/* PROTO: test.mx */
/*
 * Peers that stop in the middle of a header or a payload, or send nothing at
 * all, hold nothing but their own connections, and no processor time; what
 * they sent is a message when the rest comes.
 */
#include "fault.h"

enum { STALLED = 12 };

int main(void)
{
	unsigned char message[HEADER_LEN + 4];
	int fds[STALLED], sent[STALLED], good, i;
	struct leaks leaks;
	double used;

	leaks_begin(&leaks);
	server_start(1);
	peer_header(message, 5, PENDING, nr_test_put, 4);
	put_u32(message + HEADER_LEN, 0);

	SECTION("%d peers stall, each at another byte; another one is served", STALLED);
	for (i = 0; i < STALLED; i++) {
		fds[i] = server_peer();
		sent[i] = i * ((int)sizeof(message) - 1) / (STALLED - 1);
		peer_write(fds[i], message, (size_t)sent[i]);
	}
	good = server_peer();
	for (i = 0; i < 50; i++)
		SERVED(good);

	SECTION("they cost no processor time");
	used = cpu_ms();
	STAYS(counter_get(&server.ended) == 0, 300);
	used = cpu_ms() - used;
	CHECK_MSG(used < (double)scaled(100), "used %.0f of 300 ms", used);

	SECTION("the rest arrives, in the order opposite");
	for (i = STALLED - 1; i >= 0; i--) {
		peer_write(fds[i], message + sent[i], sizeof(message) - (size_t)sent[i]);
		PEER_EXPECT(fds[i], 5, MINIRPC_OK, nr_test_put, NULL, 0);
	}

	SECTION("a set ends while peers are stalled");
	for (i = 0; i < STALLED; i++) {
		peer_write(fds[i], message, (size_t)sent[i]);
		close(fds[i]);
	}
	close(good);
	server_stop();
	LEAKS_CHECK(&leaks);
	return tap_done();
}
