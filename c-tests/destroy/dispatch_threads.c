/* PROTO: test.mx */
/*
 * Threads of mrpc_start_dispatch_thread end with their set: idle ones, ones just
 * started, ones that were at work when the last reference went, ones started from
 * a handler, several sets at once.
 */
#include "destroy.h"

enum { SETS = 4, THREADS = 6 };

static struct counter inside = COUNTER_INIT, gate = COUNTER_INIT;
static struct mrpc_conn_set *set;

static void poke(void *data, struct mrpc_message *msg)
{
	(void)data;
	(void)msg;
	CHECK_EQ(mrpc_release_event(), 0);
	CHECK_EQ(mrpc_start_dispatch_thread(set), 0);
	counter_add(&inside, 1);
	COUNTER_WAIT(&gate, 1);
}

static const struct test_server_operations ops = { .poke = poke };

int main(void)
{
	struct mrpc_conn_set *sets[SETS];
	struct leaks leaks;
	struct end e;
	int i, k, round;

	leaks_begin(&leaks);
	SECTION("just started, %d sets at once", SETS);
	for (round = 0; round < 30; round++) {
		for (i = 0; i < SETS; i++) {
			REQUIRE_EQ(mrpc_conn_set_create(&sets[i], test_server, NULL), 0);
			for (k = 0; k < i; k++)
				REQUIRE_EQ(mrpc_start_dispatch_thread(sets[i]), 0);
		}
		for (i = 0; i < SETS; i++)
			mrpc_conn_set_unref(sets[(i + round) % SETS]);
		LEAKS_CHECK(&leaks);
	}

	SECTION("at work, and started by handlers");
	for (round = 0; round < 10; round++) {
		counter_init(&inside);
		counter_init(&gate);
		end_open_server(&e, &ops, 1);
		set = e.set;
		for (i = 0; i < THREADS; i++)
			peer_send(e.fd, 0, PENDING, nr_test_poke, NULL, 0);
		COUNTER_WAIT(&inside, THREADS);
		close(e.fd);
		COUNTER_WAIT(&e.probe.disconnects, 1);
		end_unref(&e);
		/* Six of them sit in handlers of a connection that is gone. */
		counter_add(&gate, 1);
		LEAKS_CHECK(&leaks);
	}
	return tap_done();
}
