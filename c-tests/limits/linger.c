/* PROTO: test.mx */
/* NEEDS: additions */
/* TIMEOUT: 60 */
/*
 * mrpc_set_linger: a connection that is closing, half closed, or stuck in both
 * directions ends after so long without progress. An ioerr event says what was
 * waited for; the reason is MRPC_DISC_IOERR, or what it was before. One that makes
 * progress, or only waits, stays.
 */
#include "held.h"
#include "keep.h"

enum { LEN = 4000, LINGER = 300, SOON = 5000 };

static char payload[65536];

static const struct test_server_operations ops = {
	.ping = answer_ping, .echo = limits_echo, .later = keep_later, .notify = hold_message
};
static const struct test_client_operations client_ops = { .client_echo = limits_echo };

static void open_lingering(struct held *h, unsigned linger, bool tcp)
{
	counter_init(&keeps);
	held_open(h, &ops, 2, tcp, tcp ? 0 : 4096);
	REQUIRE_EQ(mrpc_set_linger(h->e.set, linger), 0);
}

static void send_messages(struct held *h, int count)
{
	blob b = { sizeof(payload), payload };

	while (count-- > 0)
		CHECK_EQ(test_flood(h->e.conn, &b), MINIRPC_OK);
}

/* Ended by linger: not before, and soon. */
static void check_ended(struct held *h, int64_t start, int64_t linger, enum mrpc_disc_reason reason)
{
	int64_t took;

	WAIT_FOR_MS(counter_get(&h->e.probe.disconnects) == 1, linger + SOON);
	took = now_ms() - start;
	CHECK_MSG(took >= linger, "ended after %lld ms", (long long)took);
	CHECK_EQ(h->e.probe.reason, reason);
}

static void told(struct held *h)
{
	CHECK_EQ(counter_get(&h->e.probe.ioerrs), 1);
	tap_note("%s", h->e.probe.text);
	CHECK(h->e.probe.text[0] != '\0');
}

static void closing(bool tcp)
{
	struct held h;
	int64_t start;
	size_t got = 0;
	ssize_t n;

	SECTION("closed, and the peer never reads");
	open_lingering(&h, LINGER, tcp);
	send_messages(&h, 200);
	start = now_ms();
	CHECK_EQ(PROMPT(mrpc_conn_close(h.e.conn)), 0);
	check_ended(&h, start, LINGER, MRPC_DISC_USER);
	held_close(&h);

	SECTION("changed meanwhile");
	open_lingering(&h, 60000, tcp);
	send_messages(&h, 200);
	CHECK_EQ(mrpc_conn_close(h.e.conn), 0);
	STAYS(counter_get(&h.e.probe.disconnects) == 0, 2 * LINGER);
	start = now_ms();
	REQUIRE_EQ(mrpc_set_linger(h.e.set, 1), 0);
	check_ended(&h, start, 0, MRPC_DISC_USER);
	held_close(&h);

	if (tcp)        /* where what the peer reads shows only now and then */
		return;
	SECTION("closed, and the peer reads slowly: it gets all");
	open_lingering(&h, (unsigned)scaled(2 * LINGER), tcp);
	send_messages(&h, 20);
	CHECK_EQ(mrpc_conn_close(h.e.conn), 0);
	start = now_ms();
	while ((n = recv(h.e.fd, payload, 32768, 0)) > 0) {
		got += (size_t)n;
		if (now_ms() < start + scaled(5 * LINGER))
			usleep(50000);
	}
	CHECK_EQ(n, 0);
	CHECK_EQ(got, 20 * (HEADER_LEN + 4 + sizeof(payload)));
	COUNTER_WAIT(&h.e.probe.disconnects, 1);
	CHECK_EQ(h.e.probe.reason, MRPC_DISC_USER);
	held_close(&h);
}

static void half_closed(bool tcp)
{
	struct held h;
	int64_t start;

	SECTION("half closed by the peer, and a request is never answered");
	open_lingering(&h, LINGER, tcp);
	peer_number(h.e.fd, 3, nr_test_later, 1);
	COUNTER_WAIT(&keeps, 1);
	start = now_ms();
	REQUIRE_EQ(shutdown(h.e.fd, SHUT_WR), 0);
	check_ended(&h, start, LINGER, MRPC_DISC_CLOSED);
	CHECK_EQ(answer_kept(0, 1), MINIRPC_NETWORK_FAILURE);
	PEER_EOF(h.e.fd);
	held_close(&h);
}

/* The peer sends requests, and reads no replies. */
static void both_ways(bool tcp)
{
	struct held h;
	int64_t start;

	SECTION("over the reply limit, and the peer does not read");
	open_lingering(&h, LINGER, tcp);
	REQUIRE_EQ(mrpc_set_linger(h.e.set, 60000), 0);
	REQUIRE_EQ(mrpc_set_reply_limit(h.e.set, 5 * LEN), 0);
	offer_echoes(&h, 0, 10000, LEN, 5 * LEN);
	start = now_ms();
	REQUIRE_EQ(mrpc_set_linger(h.e.set, LINGER), 0);
	check_ended(&h, start, 0, MRPC_DISC_IOERR);
	told(&h);
	held_close(&h);

	SECTION("the same, not before its time");
	open_lingering(&h, (unsigned)scaled(2000), tcp);
	REQUIRE_EQ(mrpc_set_reply_limit(h.e.set, 5 * LEN), 0);
	start = now_ms();
	offer_echoes(&h, 0, 10000, LEN, 5 * LEN);
	check_ended(&h, start, scaled(2000), MRPC_DISC_IOERR);
	told(&h);
	held_close(&h);
}

static void only_waiting(bool tcp)
{
	struct held h;
	int next = 0;

	SECTION("a peer that does not read, and is owed messages only");
	open_lingering(&h, LINGER / 3, tcp);
	send_messages(&h, 200);
	STAYS(counter_get(&h.e.probe.disconnects) == 0, LINGER);
	held_close(&h);

	SECTION("one that is not read from, as its handler takes its time");
	open_lingering(&h, LINGER / 3, tcp);
	REQUIRE_EQ(mrpc_set_event_limit(h.e.set, 4, 100000), 0);
	offer_notifies(&h, &next, 20);
	CHECK(next < 20);
	STAYS(counter_get(&h.e.probe.disconnects) == 0, LINGER);
	counter_add(&tickets, NO_END / 2);
	COUNTER_WAIT(&done, next);
	held_close(&h);
	CHECK_EQ(counter_get(&h.e.probe.ioerrs), 0);

	SECTION("one that stopped in the middle of a frame");
	open_lingering(&h, LINGER / 3, tcp);
	peer_write(h.e.fd, payload, 10);
	STAYS(counter_get(&h.e.probe.disconnects) == 0, LINGER);
	held_close(&h);
}

/* ---- two ends of ours ---- */

enum { CALLS = 100 };

static struct counter called = COUNTER_INIT, answered = COUNTER_INIT;

static void on_echo(void *data, void *private, mrpc_status_t status, blob *reply)
{
	(void)data;
	(void)private;
	(void)reply;
	if (status == MINIRPC_OK)
		counter_add(&answered, 1);
	else
		CHECK_EQ(status, MINIRPC_NETWORK_FAILURE);
	counter_add(&called, 1);
}

/* Each asks much of the other before it reads; either it all works out, or both
 * stop reading, and then linger ends them. */
static void two_ends(void)
{
	blob b = { LEN, payload };
	struct probe probes[2];
	struct mrpc_conn_set *sets[2];
	struct mrpc_connection *conns[2];
	int fds[2], i, j, small = 4096;

	SECTION("two ends that ask of each other more than the reply limit");
	counter_init(&called);
	counter_init(&answered);
	REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	REQUIRE_EQ(mrpc_conn_set_create(&sets[0], test_client, NULL), 0);
	REQUIRE_EQ(mrpc_conn_set_create(&sets[1], test_server, NULL), 0);
	for (i = 0; i < 2; i++) {
		REQUIRE_EQ(setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
		probe_init(&probes[i]);
		probe_watch(sets[i]);
		REQUIRE_EQ(mrpc_set_linger(sets[i], LINGER), 0);
		REQUIRE_EQ(mrpc_set_reply_limit(sets[i], 3 * LEN), 0);
		REQUIRE_EQ(mrpc_start_dispatch_thread(sets[i]), 0);
		REQUIRE_EQ(mrpc_conn_create(&conns[i], sets[i], &probes[i]), 0);
	}
	REQUIRE_EQ(test_client_set_operations(conns[0], &client_ops), 0);
	REQUIRE_EQ(test_server_set_operations(conns[1], &ops), 0);
	for (i = 0; i < 2; i++)
		REQUIRE_EQ(mrpc_stop_events(conns[i]), 0);
	REQUIRE_EQ(mrpc_bind_fd(conns[0], fds[0]), 0);
	REQUIRE_EQ(mrpc_bind_fd(conns[1], fds[1]), 0);
	for (j = 0; j < CALLS; j++) {
		CHECK_EQ(test_echo_async(conns[0], on_echo, NULL, &b), MINIRPC_OK);
		CHECK_EQ(test_client_echo_async(conns[1], on_echo, NULL, &b), MINIRPC_OK);
	}
	for (i = 0; i < 2; i++)
		REQUIRE_EQ(mrpc_start_events(conns[i]), 0);
	COUNTER_WAIT(&called, 2 * CALLS);
	tap_note("%ld of %d calls were answered", counter_get(&answered), 2 * CALLS);
	if (counter_get(&answered) == 2 * CALLS) {
		CHECK_EQ(mrpc_conn_close(conns[0]), 0);
	} else {
		for (i = 0; i < 2; i++)
			COUNTER_WAIT(&probes[i].disconnects, 1);
		/* whoever was second may have seen the end of the first */
		CHECK(probes[0].reason == MRPC_DISC_IOERR || probes[1].reason == MRPC_DISC_IOERR);
		CHECK(counter_get(&probes[0].ioerrs) + counter_get(&probes[1].ioerrs) > 0);
	}
	for (i = 0; i < 2; i++) {
		COUNTER_WAIT(&probes[i].disconnects, 1);
		mrpc_conn_unref(conns[i]);
		mrpc_conn_set_unref(sets[i]);
	}
}

int main(void)
{
	struct leaks leaks;
	int tcp;

	leaks_begin(&leaks);
	CHECK_EQ(mrpc_set_linger(NULL, 1), EINVAL);
	for (tcp = 0; tcp < 2; tcp++) {
		closing(tcp);
		half_closed(tcp);
		both_ways(tcp);
		only_waiting(tcp);
		if (!LEAKS_CHECK(&leaks))
			return tap_done();
	}
	two_ends();
	LEAKS_CHECK(&leaks);
	return tap_done();
}
