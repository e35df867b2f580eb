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
static int told;                /* messages of ours */

static void on_room(void *data)
{
	(void)data;
	counter_add(&rooms, 1);
}

static const struct test_server_operations ops = { .ping = answer_ping, .push = hold_blob };

/* A message of ours, which is refused as long as the set is over its limit. */
static bool refuses(struct held *h)
{
	number n = told;
	mrpc_status_t status = test_event(h->e.conn, &n);

	if (status == MINIRPC_OK)
		told++;
	else
		CHECK_EQ(status, BUSY);
	return status == BUSY;
}

static void open_server(struct held *h, bool tcp)
{
	told = 0;
	counter_init(&rooms);
	held_open(h, &ops, 2, tcp, 0);
	REQUIRE_EQ(mrpc_set_room_func(h->e.set, on_room), 0);
}

/* Messages whose handler holds, until the set is over the limit; one more, which is not
 * read. */
static void fill(struct held *h, size_t limit)
{
	int n = 0;

	REQUIRE_EQ(mrpc_set_memory_limit(h->e.set, limit), 0);
	while (n < MOST && !refuses(h)) {
		offer_blob(h, 0, nr_test_push, MESSAGE);
		n++;
	}
	CHECK(n < MOST);
	CHECK(!offer_blob(h, 0, nr_test_push, MESSAGE));
}

/* What was told it, and then its answer. */
static void expect_ping(struct held *h)
{
	int i;

	peer_send(h->e.fd, 9, PENDING, nr_test_ping, NULL, 0);
	for (i = 0; i < told; i++) {
		struct frame f;

		peer_recv(h->e.fd, &f);
		CHECK(f.cmd == nr_test_event && f.len == 4 && get_u32(f.data) == (uint32_t)i);
		free(f.data);
	}
	PEER_EXPECT(h->e.fd, 9, MINIRPC_OK, nr_test_ping, NULL, 0);
}

static void handled(bool tcp)
{
	struct held h;

	SECTION("%s: when the events have been handled, reading goes on, and who was refused a "
		"message is told", tcp ? "TCP" : "AF_UNIX");
	open_server(&h, tcp);
	fill(&h, LIMIT);
	STAYS(counter_get(&rooms) == 0, 20);
	counter_add(&tickets, NO_END);
	COUNTER_WAIT(&rooms, 1);
	CHECK(!refuses(&h));
	expect_ping(&h);
	held_close(&h);
	CHECK_EQ(counter_get(&rooms), 1);
}

static void raised(bool tcp)
{
	struct held h;

	SECTION("when the limit is raised, and when there is none");
	open_server(&h, tcp);
	fill(&h, LIMIT);
	fill(&h, 2 * LIMIT);
	REQUIRE_EQ(mrpc_set_memory_limit(h.e.set, 0), 0);
	WAIT_FOR(unread(h.ours) == 0);
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
	int fd, n = 0;

	SECTION("a peer that has stopped in the middle of a message does not keep the others out");
	open_server(&h, tcp);
	fd = open_other(&h, &conn, &probe);
	REQUIRE_EQ(mrpc_set_linger(h.e.set, 300), 0);
	REQUIRE_EQ(mrpc_set_memory_limit(h.e.set, LIMIT), 0);
	memset(part, 0, sizeof(part));
	peer_header(part, 0, PENDING, nr_test_push, LIMIT - 8 * 1024);
	peer_write(fd, part, sizeof(part));
	CHECK_EQ(counter_get(&probe.disconnects), 0);
	while (n < MOST && !refuses(&h)) {
		offer_blob(&h, 0, nr_test_push, MESSAGE);
		n++;
	}
	CHECK(n < MOST);
	COUNTER_WAIT(&probe.disconnects, 1);
	CHECK_EQ(probe.reason, MRPC_DISC_IOERR);
	CHECK_EQ(counter_get(&probe.ioerrs), 1);
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
		raised(tcp);
		others(tcp);
		LEAKS_CHECK(&leaks);
	}
	return tap_done();
}
