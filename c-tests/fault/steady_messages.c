/* PROTO: test.mx */
/* MODES: plain (measures resident memory) */
/* TIMEOUT: 60 */
/*
 * One-way messages that come one by one, at a pace that the library keeps up with,
 * while their handler is blocked: when reading has stopped, the next arrival does
 * not start it again. They wait at the peer; nothing is lost.
 */
#include "fault.h"

#include <sys/ioctl.h>

enum { MIB = 1 << 20, LIMIT = 40 * MIB };

static int ours;                /* the library's open file, too */

static mrpc_status_t put_blocked(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	while (counter_get(&server.gate) < *in)
		tap_pause();
	return MINIRPC_OK;
}

static const struct test_server_operations blocked_ops = {
	.ping = answer_ping, .put = put_blocked, .push = server_push
};

/* One end of ours, whose unread bytes can be seen. */
static void open_end(struct end *e, bool tcp)
{
	int fds[2], i;

	memset(e, 0, sizeof(*e));
	probe_init(&e->probe);
	e->threads = 2;
	REQUIRE_EQ(mrpc_conn_set_create(&e->set, test_server, NULL), 0);
	probe_watch(e->set);
	for (i = 0; i < e->threads; i++)
		REQUIRE_EQ(mrpc_start_dispatch_thread(e->set), 0);
	REQUIRE_EQ(mrpc_conn_create(&e->conn, e->set, &e->probe), 0);
	REQUIRE_EQ(test_server_set_operations(e->conn, &blocked_ops), 0);
	if (tcp)
		tcp_pair(fds);
	else
		REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	REQUIRE((ours = fcntl(fds[0], F_DUPFD_CLOEXEC, 0)) >= 0);
	REQUIRE_EQ(mrpc_bind_fd(e->conn, fds[0]), 0);
	e->fd = fds[1];
}

/* Waits until the library has read all; false if it seems not to read any more. */
static bool let_read(void)
{
	int64_t end = now_ms() + 300;
	int left = 1;

	while (ioctl(ours, FIONREAD, &left) == 0 && left > 0 && now_ms() < end)
		usleep(20);
	return left == 0;
}

/* What the peer could send until its socket was full and stayed so. */
static size_t flood(int fd, const unsigned char *message, size_t len, long limit)
{
	int64_t taken = now_ms();
	size_t sent = 0, at, n;
	bool reads = true;

	while (now_ms() < taken + 300 && sent < (size_t)limit) {
		at = sent % len;
		n = write_some(fd, message + at, len - at);
		sent += n;
		if (n == 0)
			tap_pause();
		if (reads)
			reads = let_read();
		if (n > 0)
			taken = now_ms();
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
	open_end(&e, tcp);
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
	close(ours);
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
