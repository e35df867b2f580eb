/* PROTO: test.mx */
/* NEEDS: additions */
/* Walks and stats while connections come and go in other threads: what is seen is alive. */
#include "view.h"

enum { ROUNDS = 300 };

static struct mrpc_conn_set *set;
static struct counter running = COUNTER_INIT;

static void look(void *data, struct mrpc_connection *conn)
{
	struct mrpc_conn_stats stats = conn_stats(conn);

	CHECK(stats.id > *(uint64_t *)data);
	*(uint64_t *)data = stats.id;
}

static void *come_and_go(void *arg)
{
	struct mrpc_connection *conn;
	int fd, i;

	(void)arg;
	for (i = 0; i < ROUNDS; i++) {
		fd = end_add(set, &conn, NULL, false);
		mrpc_conn_unref(conn);
		close(fd);
	}
	counter_add(&running, -1);
	return NULL;
}

int main(void)
{
	struct mrpc_set_stats stats;
	pthread_t threads[2];
	struct leaks leaks;
	uint64_t last;
	int i;

	leaks_begin(&leaks);
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_client, NULL), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	SECTION("none is missed in the end, and none is counted twice");
	counter_add(&running, 2);
	for (i = 0; i < 2; i++)
		threads[i] = thread_start(come_and_go, NULL);
	while (counter_get(&running) > 0) {
		last = 0;
		CHECK_EQ(mrpc_for_each_connection(set, look, &last), 0);
		stats = set_stats(set);
		CHECK(stats.disconnected_closed + stats.disconnected_error +
		      stats.connections <= 2 * ROUNDS);
	}
	for (i = 0; i < 2; i++)
		thread_join(threads[i]);
	WAIT_FOR(set_stats(set).connections == 0);
	stats = set_stats(set);
	CHECK_EQ(stats.bound, 2 * ROUNDS);
	CHECK_EQ(stats.disconnected_closed + stats.disconnected_error, 2 * ROUNDS);
	mrpc_conn_set_unref(set);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
