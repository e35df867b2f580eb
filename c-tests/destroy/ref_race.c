/* PROTO: test.mx */
/*
 * Threads take and drop references to a set and a connection at the same time,
 * and the last ones of each are dropped by whoever comes last, while the
 * disconnect is on its way.
 */
#include "destroy.h"

enum { THREADS = 6, ROUNDS = 60, TURNS = 200 };

static struct end e;
static pthread_barrier_t start;

static void *take_and_drop(void *arg)
{
	int i, me = (int)(intptr_t)arg;

	pthread_barrier_wait(&start);
	for (i = 0; i < TURNS; i++) {
		mrpc_conn_ref(e.conn);
		mrpc_conn_set_ref(e.set);
		if (i % 50 == me)
			CHECK_EQ(test_tick(e.conn) == MINIRPC_OK ||
				 test_tick(e.conn) == MINIRPC_NETWORK_FAILURE, true);
		mrpc_conn_set_unref(e.set);
		mrpc_conn_unref(e.conn);
	}
	if (me % 2) {
		mrpc_conn_unref(e.conn);
		mrpc_conn_set_unref(e.set);
	} else {
		mrpc_conn_set_unref(e.set);
		mrpc_conn_unref(e.conn);
	}
	return NULL;
}

static void run(int round)
{
	pthread_t threads[THREADS];
	struct leaks leaks;
	int i;

	leaks_begin(&leaks);
	pthread_barrier_init(&start, NULL, THREADS + 1);
	end_open(&e, test_server, 1 + round % 2, false);
	for (i = 0; i < THREADS; i++) {
		mrpc_conn_ref(e.conn);
		mrpc_conn_set_ref(e.set);
		threads[i] = thread_start(take_and_drop, (void *)(intptr_t)i);
	}
	mrpc_conn_unref(e.conn);
	mrpc_conn_set_unref(e.set);
	pthread_barrier_wait(&start);
	close(e.fd);
	for (i = 0; i < THREADS; i++)
		thread_join(threads[i]);
	LEAKS_CHECK(&leaks);
	CHECK_EQ(counter_get(&e.probe.disconnects), 1);
	pthread_barrier_destroy(&start);
}

int main(void)
{
	int round;

	SECTION("%d threads, %d rounds", THREADS, ROUNDS);
	for (round = 0; round < ROUNDS; round++)
		run(round);
	return tap_done();
}
