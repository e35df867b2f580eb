/* PROTO: test.mx */
/* MODES: plain (measures memory) */
/* Requests that are never replied to cost nothing once their connection is gone, and
 * those that are replied to later nothing from then on. */
#include "extra_rt.h"
#include "keep.h"

#include <malloc.h>

enum { REQUESTS = 3000, ROUNDS = 10 };

static const struct test_server_operations ops = {
	.later = keep_later, .later_void = keep_later_void, .ping = answer_ping
};

static size_t allocated(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

static void round_of_requests(struct end *e)
{
	struct mrpc_connection *conn;
	struct probe probe;
	int i, fd;

	probe_init(&probe);
	counter_init(&keeps);
	fd = end_add(e->set, &conn, &probe, false);
	REQUIRE_EQ(test_server_set_operations(conn, &ops), 0);
	for (i = 0; i < REQUESTS; i++)
		peer_number(fd, (uint32_t)i, nr_test_later, 0);
	COUNTER_WAIT(&keeps, REQUESTS);
	close(fd);
	COUNTER_WAIT(&probe.disconnects, 1);
	mrpc_conn_unref(conn);
}

/* On one connection, one after the other. */
static void round_of_replies(struct end *e)
{
	int i;

	counter_init(&keeps);
	for (i = 0; i < REQUESTS; i++) {
		peer_number(e->fd, (uint32_t)i, nr_test_later_void, 0);
		COUNTER_WAIT(&keeps, i + 1);
		/* When the next event is handled, the last handler has returned. */
		peer_send(e->fd, 0, PENDING, nr_test_ping, NULL, 0);
		PEER_EXPECT(e->fd, 0, MINIRPC_OK, nr_test_ping, NULL, 0);
		CHECK_EQ(test_later_void_send_async_reply(kept[i]), MINIRPC_OK);
		PEER_EXPECT(e->fd, (uint32_t)i, MINIRPC_OK, nr_test_later_void, NULL, 0);
	}
}

static void measure(struct end *e, void (*round)(struct end *))
{
	size_t before;
	int i;

	for (i = 0; i < 3; i++)
		round(e);
	before = allocated();
	for (i = 0; i < ROUNDS; i++)
		round(e);
	WAIT_FOR(allocated() < before + 100000);
	tap_note("%zu bytes before, %zu after %d more", before, allocated(), ROUNDS * REQUESTS);
}

int main(void)
{
	struct end e;

	end_open_server(&e, &ops, 1);
	SECTION("%d requests a round, never replied to", REQUESTS);
	measure(&e, round_of_requests);
	SECTION("%d requests a round, replied to later", REQUESTS);
	measure(&e, round_of_replies);
	end_close(&e);
	return tap_done();
}
