/* PROTO: test.mx */
/* mrpc_start_dispatch_thread: any number of threads, which end with the set. */
#include "extra_rt.h"

static struct counter inside = COUNTER_INIT, gate = COUNTER_INIT;

static void poke(void *data, struct mrpc_message *msg)
{
	(void)data;
	(void)msg;
	CHECK_EQ(mrpc_release_event(), 0);
	counter_add(&inside, 1);
	COUNTER_WAIT(&gate, 1);
}

static const struct test_server_operations ops = { .poke = poke };

int main(void)
{
	struct leaks leaks;
	struct end e;
	int i, threads;

	leaks_begin(&leaks);
	SECTION("EINVAL");
	CHECK_EQ(mrpc_start_dispatch_thread(NULL), EINVAL);

	SECTION("each one dispatches");
	end_open_server(&e, &ops, 1);
	threads = count_threads();
	CHECK_EQ(mrpc_start_dispatch_thread(e.set), 0);
	CHECK_EQ(mrpc_start_dispatch_thread(e.set), 0);
	CHECK_EQ(count_threads(), threads + 2);
	for (i = 0; i < 4; i++)
		peer_send(e.fd, 0, PENDING, nr_test_poke, NULL, 0);
	COUNTER_WAIT(&inside, 3);
	STAYS(counter_get(&inside) == 3, 50);
	SECTION("also one that is started while all others are at work");
	CHECK_EQ(mrpc_start_dispatch_thread(e.set), 0);
	COUNTER_WAIT(&inside, 4);
	counter_add(&gate, 1);
	end_close(&e);
	SECTION("the threads end with the set");
	LEAKS_CHECK(&leaks);

	SECTION("a set that was never used");
	REQUIRE_EQ(mrpc_conn_set_create(&e.set, test_server, NULL), 0);
	for (i = 0; i < 5; i++)
		CHECK_EQ(mrpc_start_dispatch_thread(e.set), 0);
	mrpc_conn_set_unref(e.set);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
