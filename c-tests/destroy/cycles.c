/* PROTO: test.mx */
/* MODES: plain (measures memory) */
/* A thousand sets, with a connection and calls each, come and go: memory does not
 * grow, and no thread and no descriptor stays. */
#include "destroy.h"

enum { CYCLES = 1000, WARM_UP = 200, LIMIT = 2 << 20 };

static struct counter callbacks = COUNTER_INIT;

static const struct test_server_operations ops = { .ping = answer_ping };

static void on_reply(void *data, void *private, mrpc_status_t status)
{
	(void)data;
	(void)private;
	CHECK_EQ(status, MINIRPC_OK);
	counter_add(&callbacks, 1);
}

static void cycle(int i)
{
	struct mrpc_connection *never;
	struct pair p;

	counter_init(&callbacks);
	pair_open(&p, i % 4 ? PAIR_SOCKETPAIR : PAIR_TCP, test_client, test_server);
	REQUIRE_EQ(test_server_set_operations(p.server, &ops), 0);
	REQUIRE_EQ(mrpc_conn_create(&never, p.client_set, NULL), 0);
	CHECK_EQ(test_ping_async(p.client, on_reply, NULL), MINIRPC_OK);
	CHECK_EQ(test_ping(p.client), MINIRPC_OK);
	CHECK(mrpc_get_event_fd(p.client_set) >= 0);
	COUNTER_WAIT(&callbacks, 1);
	mrpc_conn_unref(never);
	CHECK_EQ(mrpc_conn_close(p.client), 0);
	COUNTER_WAIT(&p.client_probe.disconnects, 1);
	COUNTER_WAIT(&p.server_probe.disconnects, 1);
	pair_unref(&p);
}

int main(void)
{
	struct leaks leaks;
	long before, grown;
	int i;

	leaks_begin(&leaks);
	SECTION("%d sets with their threads, connections and listeners", 2 * CYCLES);
	for (i = 0; i < WARM_UP; i++)
		cycle(i);
	LEAKS_CHECK(&leaks);
	before = rss_bytes();
	for (; i < CYCLES; i++)
		cycle(i);
	LEAKS_CHECK(&leaks);
	grown = rss_bytes() - before;
	tap_note("%ld KiB more after %d cycles", grown / 1024, CYCLES - WARM_UP);
	CHECK_MSG(grown < LIMIT, "grown by %ld bytes", grown);
	return tap_done();
}
