/* PROTO: test.mx */
/* MODES: plain (measures resident memory) */
/* TIMEOUT: 60 */
/*
 * One-way messages that come one by one, at a pace that the library keeps up with,
 * while their handler is blocked: when reading has stopped, the next arrival does
 * not start it again. They wait at the peer; nothing is lost.
 */
#include "fault.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

enum { MIB = 1 << 20, LIMIT = 40 * MIB };

/* Until the library has read all, or seems not to. */
static void let_read(int fd)
{
	int64_t end = now_ms() + 2;
	int left = 1;

	while (ioctl(fd, SIOCOUTQ, &left) == 0 && left > 0 && now_ms() < end)
		usleep(50);
}

/* What the peer could send until its socket was full and stayed so. */
static size_t flood(int fd, const unsigned char *message, size_t len, long limit)
{
	int64_t taken = now_ms();
	size_t sent = 0, at, n;

	while (now_ms() < taken + 300 && sent < (size_t)limit) {
		at = sent % len;
		n = write_some(fd, message + at, len - at);
		sent += n;
		if (n > 0) {
			taken = now_ms();
			let_read(fd);
		} else {
			tap_pause();
		}
	}
	return sent;
}

static void run(bool tcp, unsigned payload)
{
	size_t len = HEADER_LEN + 4 + payload, sent, rest;
	unsigned char *message = calloc(1, len);
	long before, grown;
	struct end e;

	REQUIRE(message != NULL);
	counter_init(&server.messages);
	counter_init(&server.gate);
	end_open(&e, test_server, 2, tcp);
	REQUIRE_EQ(test_server_set_operations(e.conn, &server_ops), 0);
	SERVED(e.fd);
	peer_header(message, 0, PENDING, nr_test_push, 4 + payload);
	put_u32(message + HEADER_LEN, payload);
	before = rss_bytes();

	SECTION("%s, messages of %u bytes: at most %d MiB are taken", tcp ? "TCP" : "AF_UNIX",
		payload, LIMIT / MIB);
	peer_number(e.fd, 1, nr_test_put, 1);
	sent = flood(e.fd, message, len, LIMIT);
	grown = rss_bytes() - before;
	tap_note("%zu bytes taken, memory grown by %ld", sent, grown);
	CHECK_MSG(sent < LIMIT, "%zu bytes sent", sent);
	CHECK_MSG(grown < LIMIT, "grown by %ld bytes, %zu sent", grown, sent);
	CHECK_EQ(counter_get(&server.messages), 0);

	SECTION("when the handler goes on, all of them arrive");
	counter_add(&server.gate, 1);
	rest = sent % len;
	if (rest != 0)
		peer_write(e.fd, message + rest, len - rest);
	PEER_EXPECT(e.fd, 1, MINIRPC_OK, nr_test_put, NULL, 0);
	peer_send(e.fd, 7, PENDING, nr_test_ping, NULL, 0);
	PEER_EXPECT(e.fd, 7, MINIRPC_OK, nr_test_ping, NULL, 0);
	CHECK_EQ(counter_get(&server.messages), (long)((sent + len - 1) / len));
	end_close(&e);
	CHECK_EQ(counter_get(&e.probe.ioerrs), 0);
	free(message);
}

int main(void)
{
	struct leaks leaks;
	int tcp;

	leaks_begin(&leaks);
	for (tcp = 0; tcp < 2; tcp++) {
		run(tcp, 16000);
		run(tcp, 400);
		LEAKS_CHECK(&leaks);
	}
	return tap_done();
}
