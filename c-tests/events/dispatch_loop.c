/* PROTO: test.mx */
/* mrpc_dispatch_loop: only for registered threads; until the set's destruction. */
#include "extra_rt.h"

static struct mrpc_conn_set *set;

static void *unregistered(void *arg)
{
	(void)arg;
	CHECK_EQ(mrpc_dispatch_loop(set), EPERM);
	CHECK_EQ(mrpc_dispatch(set, 0), EPERM);
	return NULL;
}

static const struct test_server_operations ops = { .ping = answer_ping };

int main(void)
{
	struct mrpc_conn_set *other;
	struct dispatcher a, b;
	struct leaks leaks;
	struct probe probe;
	struct mrpc_connection *conn;
	int fd, i;

	leaks_begin(&leaks);
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_server, NULL), 0);
	REQUIRE_EQ(mrpc_conn_set_create(&other, test_server, NULL), 0);
	probe_watch(set);

	SECTION("EINVAL and EPERM");
	CHECK_EQ(mrpc_dispatch_loop(NULL), EINVAL);
	CHECK_EQ(mrpc_dispatch(NULL, 1), EINVAL);
	CHECK_EQ(mrpc_dispatch_loop(set), EPERM);
	CHECK_EQ(mrpc_dispatch(set, 1), EPERM);
	SECTION("EPERM: registered for another set");
	mrpc_dispatcher_add(other);
	CHECK_EQ(mrpc_dispatch_loop(set), EPERM);
	CHECK_EQ(mrpc_dispatch(set, 1), EPERM);
	CHECK_EQ(mrpc_dispatch(other, 1), EAGAIN);
	mrpc_dispatcher_remove(other);
	CHECK_EQ(mrpc_dispatch(other, 1), EPERM);
	SECTION("EPERM: another thread is registered");
	mrpc_dispatcher_add(set);
	CHECK_EQ(mrpc_dispatch(set, 1), EAGAIN);
	thread_join(thread_start(unregistered, NULL));
	SECTION("EPERM: no longer registered");
	mrpc_dispatcher_remove(set);
	CHECK_EQ(mrpc_dispatch(set, 1), EPERM);
	CHECK_EQ(mrpc_dispatch_loop(set), EPERM);

	SECTION("NULL is nothing");
	mrpc_dispatcher_add(NULL);
	mrpc_dispatcher_remove(NULL);

	SECTION("threads in the loop serve");
	dispatcher_start(&a, set);
	dispatcher_start(&b, set);
	probe_init(&probe);
	fd = end_add(set, &conn, &probe, true);
	REQUIRE_EQ(test_server_set_operations(conn, &ops), 0);
	for (i = 0; i < 50; i++) {
		peer_send(fd, (uint32_t)i, PENDING, nr_test_ping, NULL, 0);
		PEER_EXPECT(fd, (uint32_t)i, MINIRPC_OK, nr_test_ping, NULL, 0);
	}
	close(fd);
	COUNTER_WAIT(&probe.disconnects, 1);
	mrpc_conn_unref(conn);

	SECTION("ENXIO when the set is destroyed");
	mrpc_conn_set_unref(set);
	CHECK_EQ(dispatcher_join(&a), ENXIO);
	CHECK_EQ(dispatcher_join(&b), ENXIO);
	mrpc_conn_set_unref(other);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
