/* PROTO: test.mx */
/* MODES: plain (measures resident memory) */
/*
 * A peer that floods one-way messages against a slow handler: they wait in the
 * peer's own socket, not in our memory; nothing is lost; others are served.
 */
#include "fault.h"

enum { MIB = 1 << 20, LEN = 8192, LIMIT = 64 * MIB };

int main(void)
{
	static unsigned char message[HEADER_LEN + 4 + LEN];
	int64_t quiet;
	size_t sent = 0, n;
	int good, bad, i;
	struct leaks leaks;
	long before, grown, count;

	leaks_begin(&leaks);
	server_start(2);
	bad = server_peer();
	good = server_peer();
	for (i = 0; i < 100; i++)
		SERVED(good);
	peer_header(message, 0, PENDING, nr_test_push, 4 + LEN);
	put_u32(message + HEADER_LEN, LEN);
	before = rss_bytes();

	SECTION("the handler holds; at most %d MiB are taken from the peer", LIMIT / MIB);
	peer_number(bad, 1, nr_test_put, 1);
	quiet = now_ms() + 300;
	while (now_ms() < quiet && sent < 4 * (size_t)LIMIT) {
		n = sent % sizeof(message);
		n = write_some(bad, message + n, sizeof(message) - n);
		sent += n;
		if (n > 0)
			quiet = now_ms() + 300;
		else
			tap_pause();
	}
	grown = rss_bytes() - before;
	tap_note("%zu bytes taken, memory grown by %ld", sent, grown);
	CHECK_MSG(grown < LIMIT, "grown by %ld bytes, %zu sent", grown, sent);
	CHECK(counter_get(&server.messages) == 0);

	SECTION("others are served");
	for (i = 0; i < 100; i++)
		SERVED(good);

	SECTION("when the handler goes on, all messages arrive");
	counter_add(&server.gate, 1);
	n = sent % sizeof(message);
	if (n != 0)
		peer_write(bad, message + n, sizeof(message) - n);
	count = (long)((sent + sizeof(message) - 1) / sizeof(message));
	PEER_EXPECT(bad, 1, MINIRPC_OK, nr_test_put, NULL, 0);
	SERVED(bad);
	CHECK_EQ(counter_get(&server.messages), count);
	close(bad);
	close(good);
	server_stop();
	CHECK_EQ(counter_get(&server.ioerrs), 0);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
