/* PROTO: test.mx */
/* MODES: plain (measures memory) */
/* Requests that are never replied to cost nothing once their connection is gone. */
#include "extra_rt.h"

#include <malloc.h>

enum { REQUESTS = 3000 };

static struct counter n_kept = COUNTER_INIT;

static mrpc_status_t later(void *data, struct mrpc_message *msg, number *in, number *out)
{
	(void)data;
	(void)msg;
	(void)in;
	(void)out;
	counter_add(&n_kept, 1);
	return MINIRPC_PENDING;
}

static const struct test_server_operations ops = { .later = later };

static void round_of_requests(struct end *e)
{
	struct mrpc_connection *conn;
	struct probe probe;
	int i, fd;

	probe_init(&probe);
	counter_init(&n_kept);
	fd = end_add(e->set, &conn, &probe, false);
	REQUIRE_EQ(test_server_set_operations(conn, &ops), 0);
	for (i = 0; i < REQUESTS; i++)
		peer_number(fd, (uint32_t)i, nr_test_later, 0);
	COUNTER_WAIT(&n_kept, REQUESTS);
	close(fd);
	COUNTER_WAIT(&probe.disconnects, 1);
	mrpc_conn_unref(conn);
}

int main(void)
{
	struct end e;
	size_t before, after;
	int i;

	SECTION("%d requests a round, never replied to", REQUESTS);
	end_open_server(&e, &ops, 1);
	for (i = 0; i < 3; i++)
		round_of_requests(&e);
	before = mallinfo2().uordblks + mallinfo2().hblkhd;
	for (i = 0; i < 10; i++)
		round_of_requests(&e);
	WAIT_FOR(mallinfo2().uordblks + mallinfo2().hblkhd < before + 100000);
	after = mallinfo2().uordblks + mallinfo2().hblkhd;
	tap_note("%zu bytes before, %zu after %d more", before, after, 10 * REQUESTS);
	end_close(&e);
	return tap_done();
}
