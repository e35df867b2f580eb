/* PROTO: test.mx */
/* NEEDS: additions */
/* TIMEOUT: 60 */
/* MODES: plain (memory is measured) */
/*
 * A connection that ends before its calls' deadlines is not kept until they have come: many
 * that come and go, each with a call that would time out in a month, leave no memory behind.
 */
#include "timeouts.h"

#include <malloc.h>

enum { ROUNDS = 600, FIRST = 100, MONTH_MS = INT_MAX, LEAST = 512 };

static struct counter called = COUNTER_INIT;

static void on_get(void *data, void *private, mrpc_status_t status, number *reply)
{
	(void)data;
	(void)private;
	(void)reply;
	CHECK_EQ(status, MINIRPC_NETWORK_FAILURE);
	counter_add(&called, 1);
}

static size_t used(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static void come_and_go(struct mrpc_conn_set *set, bool peer_goes)
{
	struct mrpc_call_options o = with(MONTH_MS, NULL);
	struct mrpc_connection *conn;
	struct probe probe;
	int fd;

	counter_init(&called);
	probe_init(&probe);
	fd = end_add(set, &conn, &probe, false);
	CHECK_EQ(test_get_async_with(conn, &o, on_get, NULL), MINIRPC_OK);
	if (!peer_goes)
		CHECK_EQ(mrpc_conn_close(conn), 0);
	close(fd);
	COUNTER_WAIT(&called, 1);
	COUNTER_WAIT(&probe.disconnects, 1);
	mrpc_conn_unref(conn);
}

int main(void)
{
	struct mrpc_conn_set *set;
	size_t before = 0, after;
	int i;

	REQUIRE_EQ(mrpc_conn_set_create(&set, test_client, NULL), 0);
	probe_watch(set);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	SECTION("%d connections", ROUNDS);
	for (i = 0; i < ROUNDS; i++) {
		come_and_go(set, i % 2);
		if (i == FIRST)
			before = used();
	}
	after = used();
	tap_note("%zu bytes, then %zu", before, after);
	CHECK_MSG(after < before + (ROUNDS - FIRST) * LEAST / 2, "%zu bytes more", after - before);
	mrpc_conn_set_unref(set);
	return tap_done();
}
