/* PROTO: test.mx */
/* NEEDS: additions */
/*
 * mrpc_set_event_limit: what waits undispatched on one connection. Over the bound
 * it is not read from until half is gone; a message over the bound is admitted
 * when nothing else waits; changes hold at once; nothing is lost.
 */
#include "held.h"

enum { EVENTS = 8, MANY = 1000000 };

static const struct test_server_operations ops = {
	.ping = answer_ping, .notify = hold_message, .push = hold_blob
};

/* One handler holds, EVENTS wait behind it, and one at the peer. */
static void fill(struct held *h, int *next)
{
	*next = 0;
	CHECK(offer_number(h, 0, nr_test_notify, (*next)++));
	COUNTER_WAIT(&begun, 1);
	BETWEEN(offer_notifies(h, next, 3 * EVENTS), EVENTS, EVENTS + 1);
}

/* All that was sent arrives, and the connection is in step. */
static void drain(struct held *h, long sent)
{
	counter_add(&tickets, NO_END / 2);
	peer_send(h->e.fd, 9, PENDING, nr_test_ping, NULL, 0);
	PEER_EXPECT(h->e.fd, 9, MINIRPC_OK, nr_test_ping, NULL, 0);
	CHECK_EQ(counter_get(&done), sent);
	held_close(h);
	CHECK_EQ(counter_get(&h->e.probe.ioerrs), 0);
}

static void by_number(bool tcp)
{
	struct held h;
	int next;

	SECTION("%d events", EVENTS);
	held_open(&h, &ops, 2, tcp, 0);
	REQUIRE_EQ(mrpc_set_event_limit(h.e.set, EVENTS, MANY), 0);
	fill(&h, &next);
	CHECK_EQ(counter_get(&begun), 1);

	SECTION("when less than half is gone, nothing more is read");
	counter_add(&tickets, 2);
	COUNTER_WAIT(&begun, 3);
	STAYS(unread(h.ours) > 0, 50);

	SECTION("when half is gone, reading goes on, to the bound again");
	counter_add(&tickets, 3);
	COUNTER_WAIT(&begun, 6);
	CHECK(taken(&h));
	BETWEEN(offer_notifies(&h, &next, 3 * EVENTS), EVENTS / 2 - 2, EVENTS / 2 + 2);
	drain(&h, next);
}

static void by_bytes(bool tcp)
{
	struct held h;
	int n = 0;

	SECTION("10000 bytes, in messages of 1000");
	held_open(&h, &ops, 2, tcp, 0);
	REQUIRE_EQ(mrpc_set_event_limit(h.e.set, MANY, 10000), 0);
	CHECK(offer_blob(&h, 0, nr_test_push, 1000));
	COUNTER_WAIT(&begun, 1);
	while (n < 100 && offer_blob(&h, 0, nr_test_push, 1000))
		n++;
	BETWEEN(n, 9, 11);

	SECTION("a message over the bound, when nothing else waits");
	counter_add(&tickets, n + 1);
	COUNTER_WAIT(&done, n + 1);
	COUNTER_WAIT(&begun, n + 2);            /* the one that was not taken */
	CHECK(offer_blob(&h, 0, nr_test_push, 100000));
	CHECK(!offer_blob(&h, 0, nr_test_push, 1000));
	drain(&h, n + 4);
}

static void by_default(bool tcp)
{
	struct held h;
	int next = 0, n = 0;

	SECTION("the default: 4096 events");
	held_open(&h, &ops, 2, tcp, 0);
	CHECK(offer_number(&h, 0, nr_test_notify, next++));
	COUNTER_WAIT(&begun, 1);
	BETWEEN(offer_notifies(&h, &next, 5000), 4096, 4097);
	drain(&h, next);

	SECTION("the default: 4 MiB");
	held_open(&h, &ops, 2, tcp, 0);
	CHECK(offer_blob(&h, 0, nr_test_push, 65536));
	COUNTER_WAIT(&begun, 1);
	while (n < 200 && offer_blob(&h, 0, nr_test_push, 65536))
		n++;
	BETWEEN(n, 63, 65);
	drain(&h, n + 2);
}

static void changed(bool tcp)
{
	struct held h;
	int next;

	SECTION("raised: reading goes on at once");
	held_open(&h, &ops, 2, tcp, 0);
	REQUIRE_EQ(mrpc_set_event_limit(h.e.set, EVENTS, MANY), 0);
	fill(&h, &next);
	REQUIRE_EQ(mrpc_set_event_limit(h.e.set, 4 * EVENTS, MANY), 0);
	CHECK(taken(&h));
	BETWEEN(EVENTS + 1 + offer_notifies(&h, &next, 9 * EVENTS), 4 * EVENTS, 4 * EVENTS + 2);

	SECTION("lowered: not before half of the new one is gone");
	REQUIRE_EQ(mrpc_set_event_limit(h.e.set, 4, MANY), 0);
	counter_add(&tickets, 2 * EVENTS);
	COUNTER_WAIT(&begun, 2 * EVENTS + 1);
	STAYS(unread(h.ours) > 0, 50);
	drain(&h, next);
}

/* Events of a stopped connection, and those of others. */
static void stopped(bool tcp)
{
	struct mrpc_connection *other;
	struct probe probe;
	struct held h;
	int next = 0, fd;

	SECTION("events of a stopped connection; others are served");
	held_open(&h, &ops, 1, tcp, 0);
	REQUIRE_EQ(mrpc_set_event_limit(h.e.set, EVENTS, MANY), 0);
	CHECK_EQ(mrpc_stop_events(h.e.conn), 0);
	BETWEEN(offer_notifies(&h, &next, 3 * EVENTS), EVENTS, EVENTS + 1);
	probe_init(&probe);
	fd = end_add(h.e.set, &other, &probe, tcp);
	REQUIRE_EQ(test_server_set_operations(other, &ops), 0);
	peer_send(fd, 1, PENDING, nr_test_ping, NULL, 0);
	PEER_EXPECT(fd, 1, MINIRPC_OK, nr_test_ping, NULL, 0);
	close(fd);
	COUNTER_WAIT(&probe.disconnects, 1);
	mrpc_conn_unref(other);
	CHECK_EQ(mrpc_start_events(h.e.conn), 0);
	drain(&h, next);
}

int main(void)
{
	struct leaks leaks;
	struct held h;
	int tcp;

	leaks_begin(&leaks);
	SECTION("0 is EINVAL, and no set, too");
	held_open(&h, &ops, 1, false, 0);
	CHECK_EQ(mrpc_set_event_limit(h.e.set, 0, 1), EINVAL);
	CHECK_EQ(mrpc_set_event_limit(h.e.set, 1, 0), EINVAL);
	CHECK_EQ(mrpc_set_event_limit(NULL, 1, 1), EINVAL);
	CHECK_EQ(mrpc_set_event_limit(h.e.set, 1, 1), 0);
	held_close(&h);
	for (tcp = 0; tcp < 2; tcp++) {
		by_number(tcp);
		by_bytes(tcp);
		by_default(tcp);
		changed(tcp);
		stopped(tcp);
		LEAKS_CHECK(&leaks);
	}
	return tap_done();
}
