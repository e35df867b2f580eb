/* PROTO: test.mx */
/* mrpc_conn_close: sync callers return NETWORK_FAILURE at once: several on one
 * connection, also without a dispatcher, and on a stopped connection. */
#include "extra_rt.h"

enum { THREADS = 5 };

static struct counter calling = COUNTER_INIT;
static int64_t closed_at;

static const struct test_client_operations ops;

static void *call(void *arg)
{
	struct mrpc_connection *conn = arg;
	number *out = &(number){ 1 };

	counter_add(&calling, 1);
	CHECK_EQ(test_get(conn, &out), MINIRPC_NETWORK_FAILURE);
	CHECK(out == NULL);
	CHECK(now_ms() - __atomic_load_n(&closed_at, __ATOMIC_SEQ_CST) < scaled(1000));
	return NULL;
}

static void run(int dispatch_threads, bool stopped, bool tcp, bool other_thread)
{
	pthread_t threads[THREADS];
	struct end e;
	struct frame f;
	int i;

	end_open(&e, test_client, dispatch_threads, tcp);
	REQUIRE_EQ(test_client_set_operations(e.conn, &ops), 0);
	if (stopped)
		CHECK_EQ(mrpc_stop_events(e.conn), 0);
	counter_init(&calling);
	for (i = 0; i < THREADS; i++)
		threads[i] = thread_start(call, e.conn);
	for (i = 0; i < THREADS; i++) {
		peer_recv(e.fd, &f);
		free(f.data);
	}
	if (other_thread)
		tap_pause();
	__atomic_store_n(&closed_at, now_ms(), __ATOMIC_SEQ_CST);
	CHECK_EQ(PROMPT(mrpc_conn_close(e.conn)), 0);
	for (i = 0; i < THREADS; i++)
		thread_join(threads[i]);
	CHECK_EQ(counter_get(&e.probe.disconnects) > 0 && dispatch_threads == BY_HAND, 0);
	if (stopped)
		CHECK_EQ(mrpc_start_events(e.conn), 0);
	end_close(&e);
}

int main(void)
{
	struct leaks leaks;
	int i;

	leaks_begin(&leaks);
	for (i = 0; i < 10; i++) {
		SECTION("with a dispatch thread, %d", i);
		run(1, false, i % 2, i % 3);
	}
	SECTION("without a dispatcher");
	run(BY_HAND, false, false, true);
	run(BY_HAND, false, true, false);
	SECTION("on a stopped connection");
	run(2, true, true, true);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
