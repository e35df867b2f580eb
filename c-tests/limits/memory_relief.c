/* PROTO: test.mx */
/* NEEDS: additions */
/* TIMEOUT: 60 */
/*
 * mrpc_set_memory_limit: a connection that is not read from because of it is read from
 * again when its events have been handled, when others hold less, and when the limit is
 * raised; who was refused a send is told; and a peer that stops in the middle of a message while the set is over the
 * limit is not waited for longer than mrpc_set_linger says, whoever took the rest.
 */
#include "held.h"

enum { LIMIT = 256 * 1024, MESSAGE = 10000, MOST = 100, BUSY = -9 };

static struct counter rooms = COUNTER_INIT;

static const struct test_server_operations ops = { .ping = limits_ping, .push = hold_blob };

/* Messages whose handler holds, until one is not read. */
static void fill(struct held *h, size_t limit)
{
	int n = 0;

	REQUIRE_EQ(mrpc_set_memory_limit(h->e.set, limit), 0);
	while (n < MOST && offer_blob(h, 0, nr_test_push, MESSAGE))
		n++;
	BETWEEN(n, LIMIT / MESSAGE / 2, 2 * LIMIT / MESSAGE);
}

static void expect_ping(struct held *h)
{
	peer_send(h->e.fd, 9, PENDING, nr_test_ping, NULL, 0);
	PEER_EXPECT(h->e.fd, 9, MINIRPC_OK, nr_test_ping, NULL, 0);
}

static void handled(bool tcp)
{
	struct held h;

	SECTION("%s: when the events have been handled, reading goes on", tcp ? "TCP" : "AF_UNIX");
	held_open(&h, &ops, 2, tcp, 0);
	fill(&h, LIMIT);
	counter_add(&tickets, NO_END);
	CHECK(taken(&h));
	expect_ping(&h);
	held_close(&h);
}

static void on_room(void *data)
{
	(void)data;
	counter_add(&rooms, 1);
}

/* What is sent to the peer meanwhile. */
static void refused(bool tcp)
{
	number n = 1;
	struct held h;

	SECTION("who was refused is told when there is memory again");
	counter_init(&rooms);
	held_open(&h, &ops, 2, tcp, 0);
	REQUIRE_EQ(mrpc_set_room_func(h.e.set, on_room), 0);
	fill(&h, LIMIT);
	CHECK_EQ(test_event(h.e.conn, &n), BUSY);
	STAYS(counter_get(&rooms) == 0, 20);
	counter_add(&tickets, NO_END);
	COUNTER_WAIT(&rooms, 1);
	CHECK_EQ(test_event(h.e.conn, &n), MINIRPC_OK);
	PEER_EXPECT(h.e.fd, 0, PENDING, nr_test_event, "\0\0\0\1", 4);
	held_close(&h);
	CHECK_EQ(counter_get(&rooms), 1);
}

static void raised(bool tcp)
{
	struct held h;

	SECTION("when the limit is raised, and when there is none");
	held_open(&h, &ops, 2, tcp, 0);
	fill(&h, LIMIT);
	fill(&h, 2 * LIMIT);
	REQUIRE_EQ(mrpc_set_memory_limit(h.e.set, 0), 0);
	CHECK(taken(&h));
	counter_add(&tickets, NO_END);
	expect_ping(&h);
	held_close(&h);
}

/* Another connection of the same set. */
static int open_other(struct held *h, struct mrpc_connection **conn, struct probe *probe)
{
	probe_init(probe);
	REQUIRE_EQ(mrpc_conn_create(conn, h->e.set, probe), 0);
	REQUIRE_EQ(test_server_set_operations(*conn, &ops), 0);
	return peer_bind(*conn);
}

static void others(bool tcp)
{
	unsigned char part[HEADER_LEN + 160 * 1024];
	struct mrpc_connection *conn;
	struct probe probe;
	struct held h;
	int fd;

	SECTION("a peer that has stopped in the middle of a message does not keep the others out");
	held_open(&h, &ops, 2, tcp, 0);
	fd = open_other(&h, &conn, &probe);
	REQUIRE_EQ(mrpc_set_linger(h.e.set, 300), 0);
	REQUIRE_EQ(mrpc_set_memory_limit(h.e.set, LIMIT), 0);
	memset(part, 0, sizeof(part));
	peer_header(part, 0, PENDING, nr_test_push, LIMIT - 8 * 1024);
	peer_write(fd, part, sizeof(part));
	expect_ping(&h);
	CHECK_EQ(counter_get(&probe.disconnects), 0);
	while (offer_blob(&h, 0, nr_test_push, MESSAGE) && counter_get(&probe.disconnects) == 0)
		if (counter_get(&h.e.probe.disconnects) > 0)
			break;
	COUNTER_WAIT(&probe.disconnects, 1);
	CHECK_EQ(probe.reason, MRPC_DISC_IOERR);
	CHECK_EQ(counter_get(&probe.ioerrs), 1);
	CHECK(taken(&h));
	counter_add(&tickets, NO_END);
	expect_ping(&h);
	close(fd);
	mrpc_conn_unref(conn);
	held_close(&h);
}

int main(void)
{
	struct leaks leaks;
	int tcp;

	leaks_begin(&leaks);
	for (tcp = 0; tcp < 2; tcp++) {
		handled(tcp);
		refused(tcp);
		raised(tcp);
		others(tcp);
		LEAKS_CHECK(&leaks);
	}
	return tap_done();
}
