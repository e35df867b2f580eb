/* PROTO: test.mx */
/* NEEDS: additions */
/*
 * mrpc_set_reply_limit: a peer that sends requests and reads no replies. They are
 * always accepted; over the bound its requests are not handled and not read any more,
 * until half is gone. Then it gets all of them, in order.
 */
#include "held.h"
#include "keep.h"

enum { LEN = 2000, REPLY = HEADER_LEN + LEN, LIMIT = 20 * REPLY, MOST = 2000, BUFFERS = 4096,
       /* one over it, and one that was read while the handler came back */
       SLACK = 2 * REPLY };

static const struct test_server_operations ops = {
	.ping = answer_ping, .echo = limits_echo, .later = keep_later
};

/* Replies that have been made and are in no socket. */
static long unsent(struct held *h)
{
	return in_no_socket(h, counter_get(&done), LEN);
}

/* The replies to requests first to last - 1. */
static void read_replies(struct held *h, int first, int last)
{
	struct frame f;

	for (; first < last; first++) {
		peer_recv(h->e.fd, &f);
		free(f.data);
		if (!CHECK_EQ(f.seq, first) || !CHECK_EQ(f.status, MINIRPC_OK) ||
		    !CHECK_EQ(f.len, LEN))
			break;
	}
}

/* After request n, which was not read. */
static void drain(struct held *h, int first, int n)
{
	read_replies(h, first, n + 1);
	peer_send(h->e.fd, 9, PENDING, nr_test_ping, NULL, 0);
	PEER_EXPECT(h->e.fd, 9, MINIRPC_OK, nr_test_ping, NULL, 0);
	held_close(h);
	CHECK_EQ(counter_get(&h->e.probe.ioerrs), 0);
}

static void bounded(void)
{
	struct held h;
	int n, first;

	SECTION("reading stops at the bound");
	held_open(&h, &ops, 2, false, BUFFERS);
	REQUIRE_EQ(mrpc_set_reply_limit(h.e.set, LIMIT), 0);
	n = offer_echoes(&h, 0, MOST, LEN, LIMIT);
	BETWEEN(unsent(&h), LIMIT - REPLY, LIMIT + SLACK);

	SECTION("when less than half is gone, nothing more is read");
	first = n / 4;
	read_replies(&h, 0, first);
	STAYS(unread(h.ours) > 0, 50);

	SECTION("when half is gone, reading goes on; all replies come");
	read_replies(&h, first, n - 7);
	CHECK(taken(&h));
	drain(&h, n - 7, n);
}

static void always_accepted(void)
{
	static char payload[LEN - 4];
	blob b = { sizeof(payload), payload };
	struct mrpc_connection *other;
	struct probe probe;
	struct held h;
	int n, fd, i;

	SECTION("replies are accepted over the bound; so are calls and messages");
	counter_init(&keeps);
	held_open(&h, &ops, 2, false, BUFFERS);
	REQUIRE_EQ(mrpc_set_reply_limit(h.e.set, LIMIT), 0);
	for (i = 0; i < 2; i++)
		CHECK(offer_number(&h, 5000 + (uint32_t)i, nr_test_later, i));
	COUNTER_WAIT(&keeps, 2);
	n = offer_echoes(&h, 0, MOST, LEN, LIMIT);
	CHECK_EQ(PROMPT(answer_kept(0, 7)), MINIRPC_OK);
	CHECK_EQ(PROMPT(test_later_send_async_reply_error(kept[1], 12)), MINIRPC_OK);
	CHECK_EQ(PROMPT(test_flood(h.e.conn, &b)), MINIRPC_OK);

	SECTION("others are served");
	probe_init(&probe);
	fd = end_add(h.e.set, &other, &probe, false);
	REQUIRE_EQ(test_server_set_operations(other, &ops), 0);
	for (i = 0; i < 20; i++) {
		peer_send(fd, (uint32_t)i, PENDING, nr_test_ping, NULL, 0);
		PEER_EXPECT(fd, (uint32_t)i, MINIRPC_OK, nr_test_ping, NULL, 0);
	}
	close(fd);
	COUNTER_WAIT(&probe.disconnects, 1);
	mrpc_conn_unref(other);

	SECTION("and it comes in its order");
	read_replies(&h, 0, n - 1);
	PEER_NUMBER(h.e.fd, 5000, nr_test_later, 7);
	PEER_EXPECT(h.e.fd, 5001, 12, nr_test_later, NULL, 0);
	{
		struct frame f;

		peer_recv(h.e.fd, &f);
		CHECK_EQ(f.cmd, nr_test_flood);
		free(f.data);
	}
	drain(&h, n - 1, n);
}

static void changed(void)
{
	struct held h;
	int n;

	SECTION("raised: reading goes on at once");
	held_open(&h, &ops, 2, false, BUFFERS);
	REQUIRE_EQ(mrpc_set_reply_limit(h.e.set, LIMIT), 0);
	n = offer_echoes(&h, 0, MOST, LEN, LIMIT);
	REQUIRE_EQ(mrpc_set_reply_limit(h.e.set, 3 * LIMIT), 0);
	CHECK(taken(&h));
	COUNTER_WAIT(&done, n + 1);
	n = offer_echoes(&h, n + 1, MOST, LEN, 3 * LIMIT);
	BETWEEN(unsent(&h), 3 * LIMIT - REPLY, 3 * LIMIT + SLACK);
	drain(&h, 0, n);

	SECTION("the default: 4 MiB");
	held_open(&h, &ops, 2, false, BUFFERS);
	n = offer_echoes(&h, 0, MOST, LEN, 4 * MIB);
	CHECK_EQ(n, MOST);
	n = offer_echoes(&h, n, 3 * MOST, LEN, 4 * MIB);
	BETWEEN(unsent(&h), 4 * MIB - REPLY, 4 * MIB + SLACK);
	drain(&h, 0, n);
}

/* Requests in one go: one read brings many more than the bound lets. */
static void in_one_write(void)
{
	enum { COUNT = 3000 };
	static unsigned char burst[COUNT * HEADER_LEN];
	struct held h;
	struct frame f;
	size_t sent = 0;
	int i;

	SECTION("%d requests of no payload, as many as one read brings", COUNT);
	held_open(&h, &ops, 2, false, 0);
	REQUIRE_EQ(mrpc_set_reply_limit(h.e.set, 50 * HEADER_LEN), 0);
	for (i = 0; i < COUNT; i++)
		peer_header(burst + i * HEADER_LEN, (uint32_t)i, PENDING, nr_test_ping, 0);
	while (sent < sizeof(burst)) {
		ssize_t n = send(h.e.fd, burst + sent, sizeof(burst) - sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0)
			sent += (size_t)n;
		else
			tap_pause();
	}
	for (i = 0; i < COUNT; i++) {
		peer_recv(h.e.fd, &f);
		free(f.data);
		if (!CHECK_EQ(f.seq, i) || !CHECK_EQ(f.status, MINIRPC_OK))
			break;
	}
	held_close(&h);
}

/* Requests that have been taken in before any of them is handled. */
static void taken_in_before(void)
{
	enum { COUNT = 500 };
	struct held h;

	SECTION("requests that wait already are handled as far as the bound lets");
	held_open(&h, &ops, 2, false, BUFFERS);
	REQUIRE_EQ(mrpc_set_reply_limit(h.e.set, LIMIT), 0);
	take_in_blobs(&h, COUNT, nr_test_echo, LEN);
	REQUIRE_EQ(mrpc_start_events(h.e.conn), 0);
	WAIT_FOR(unsent(&h) > LIMIT);
	STAYS(unsent(&h) <= LIMIT + SLACK, 50);

	SECTION("and the others when it has been sent");
	drain(&h, 0, COUNT - 1);

	SECTION("a peer that goes is not waited for");
	held_open(&h, &ops, 2, false, BUFFERS);
	REQUIRE_EQ(mrpc_set_reply_limit(h.e.set, LIMIT), 0);
	take_in_blobs(&h, COUNT, nr_test_echo, LEN);
	REQUIRE_EQ(mrpc_start_events(h.e.conn), 0);
	WAIT_FOR(unsent(&h) > LIMIT);
	held_close(&h);

	SECTION("nor is a connection that we close");
	held_open(&h, &ops, 2, false, BUFFERS);
	REQUIRE_EQ(mrpc_set_reply_limit(h.e.set, LIMIT), 0);
	REQUIRE_EQ(mrpc_set_linger(h.e.set, 100), 0);
	take_in_blobs(&h, COUNT, nr_test_echo, LEN);
	REQUIRE_EQ(mrpc_start_events(h.e.conn), 0);
	WAIT_FOR(unsent(&h) > LIMIT);
	REQUIRE_EQ(mrpc_conn_close(h.e.conn), 0);
	COUNTER_WAIT(&h.e.probe.disconnects, 1);
	held_close(&h);
}

int main(void)
{
	struct leaks leaks;

	leaks_begin(&leaks);
	CHECK_EQ(mrpc_set_reply_limit(NULL, 1), EINVAL);
	bounded();
	always_accepted();
	changed();
	in_one_write();
	taken_in_before();
	LEAKS_CHECK(&leaks);
	return tap_done();
}
