/* PROTO: test.mx */
/*
 * Connections that never were: created and dropped, in either order with their
 * set, after a connect that failed, after a bind that failed. No disconnect.
 */
#include "destroy.h"

static struct counter disconnects = COUNTER_INIT;

static void disconnected(void *data, enum mrpc_disc_reason reason)
{
	(void)data;
	(void)reason;
	counter_add(&disconnects, 1);
}

static struct mrpc_conn_set *new_set(int threads)
{
	struct mrpc_conn_set *set;

	REQUIRE_EQ(mrpc_conn_set_create(&set, test_client, NULL), 0);
	REQUIRE_EQ(mrpc_set_disconnect_func(set, disconnected), 0);
	while (threads-- > 0)
		REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	return set;
}

int main(void)
{
	struct mrpc_connection *conns[3];
	struct mrpc_conn_set *set;
	struct leaks leaks;
	char port[8];
	int i, threads, fd;

	leaks_begin(&leaks);
	for (threads = 0; threads < 3; threads++) {
		SECTION("the connections first, %d dispatch threads", threads);
		set = new_set(threads);
		for (i = 0; i < 3; i++)
			REQUIRE_EQ(mrpc_conn_create(&conns[i], set, NULL), 0);
		for (i = 0; i < 3; i++)
			mrpc_conn_unref(conns[i]);
		mrpc_conn_set_unref(set);
		LEAKS_CHECK(&leaks);

		SECTION("the set first, %d dispatch threads", threads);
		set = new_set(threads);
		for (i = 0; i < 3; i++)
			REQUIRE_EQ(mrpc_conn_create(&conns[i], set, NULL), 0);
		mrpc_conn_set_unref(set);
		CHECK_EQ(mrpc_set_max_buf_len(set, 100), 0);    /* they hold it */
		for (i = 0; i < 3; i++)
			mrpc_conn_unref(conns[i]);
		LEAKS_CHECK(&leaks);

		SECTION("after a failed connect, %d dispatch threads", threads);
		set = new_set(threads);
		fd = peer_listen(port);
		close(fd);
		for (i = 0; i < 3; i++) {
			REQUIRE_EQ(mrpc_conn_create(&conns[i], set, NULL), 0);
			CHECK_EQ(mrpc_connect(conns[i], AF_INET, "127.0.0.1", port),
				 ECONNREFUSED);
		}
		mrpc_conn_unref(conns[0]);
		mrpc_conn_set_unref(set);
		CHECK_EQ(mrpc_connect(conns[1], AF_INET, "127.0.0.1", port), ECONNREFUSED);
		mrpc_conn_unref(conns[1]);
		mrpc_conn_unref(conns[2]);
		LEAKS_CHECK(&leaks);

		SECTION("after a failed bind, %d dispatch threads", threads);
		set = new_set(threads);
		REQUIRE_EQ(mrpc_conn_create(&conns[0], set, NULL), 0);
		CHECK_EQ(mrpc_bind_fd(conns[0], -1), EBADF);
		mrpc_conn_unref(conns[0]);
		mrpc_conn_set_unref(set);
		LEAKS_CHECK(&leaks);
	}
	CHECK_EQ(counter_get(&disconnects), 0);
	return tap_done();
}
