/* NEEDS: additions */
/* MODES: plain (the checkers have memory of their own) */
/* PROTO: test.mx */
/* A dispatcher does not keep what the longest queue that it ever ran took. */
#include "extra_rt.h"

#include <malloc.h>

enum { MESSAGES = 20000, BOUND = 128 * 1024 };

static const struct test_server_operations ops = { .notify = count_notify };

static size_t heap(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

/* So many messages wait, and are handled. */
static void queue_up(struct mrpc_connection *conn, int fd, int messages)
{
	uint64_t received = conn_count(conn, MRPC_CONNCTR_RECV_MSGS) + (uint64_t)messages;
	int i;

	REQUIRE_EQ(mrpc_stop_events(conn), 0);
	for (i = 0; i < messages; i++)
		peer_number(fd, (uint32_t)i, nr_test_notify, i);
	WAIT_FOR(conn_count(conn, MRPC_CONNCTR_RECV_MSGS) == received);
	REQUIRE_EQ(mrpc_start_events(conn), 0);
	COUNTER_WAIT(&notified, (long)received);
}

int main(void)
{
	struct mrpc_connection *conn;
	struct mrpc_conn_set *set;
	struct probe probe;
	size_t before;
	int fd;

	probe_init(&probe);
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_server, NULL), 0);
	probe_watch(set);
	REQUIRE_EQ(mrpc_set_event_limit(set, 2 * MESSAGES, 1 << 24), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	fd = end_add(set, &conn, &probe, false);
	REQUIRE_EQ(test_server_set_operations(conn, &ops), 0);

	SECTION("what a long queue took is given back");
	queue_up(conn, fd, 100);
	before = heap();
	queue_up(conn, fd, MESSAGES);
	WAIT_FOR(heap() < before + BOUND);

	close(fd);
	COUNTER_WAIT(&probe.disconnects, 1);
	mrpc_conn_unref(conn);
	mrpc_conn_set_unref(set);
	return tap_done();
}
