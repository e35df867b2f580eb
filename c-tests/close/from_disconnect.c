/* PROTO: test.mx */
/*
 * A disconnect callback closes several other connections and drops their
 * references, some of them NULL; another thread drops the reference of the
 * connection whose callback is running.
 */
#include "extra_rt.h"

enum { CONNS = 6 };

static struct mrpc_connection *conns[CONNS];
static struct counter ended = COUNTER_INIT, inside = COUNTER_INIT, gate = COUNTER_INIT;
static struct mrpc_conn_set *set;

static void disconnected(void *data, enum mrpc_disc_reason reason)
{
	intptr_t i = (intptr_t)data;
	int j;

	if (i == 1) {
		CHECK_EQ(reason, MRPC_DISC_CLOSED);
		counter_add(&inside, 1);
		for (j = 1; j < CONNS; j++) {
			CHECK_EQ(mrpc_conn_close(conns[j]), 0);
			mrpc_conn_close(NULL);
			mrpc_conn_unref(NULL);
			mrpc_conn_set_unref(NULL);
			mrpc_conn_unref(conns[j]);
		}
		COUNTER_WAIT(&gate, 1);
	} else {
		CHECK_EQ(reason, MRPC_DISC_USER);
	}
	counter_add(&ended, 1);
}

static void *drop(void *arg)
{
	(void)arg;
	COUNTER_WAIT(&inside, 1);
	CHECK_EQ(mrpc_conn_close(conns[0]), 0);
	mrpc_conn_unref(conns[0]);
	CHECK_EQ(test_client_ping(conns[0]), MINIRPC_NETWORK_FAILURE);
	mrpc_conn_unref(conns[0]);
	counter_add(&gate, 1);
	return NULL;
}

int main(void)
{
	int fds[CONNS], i, round;
	struct leaks leaks;
	pthread_t thread;

	leaks_begin(&leaks);
	for (round = 0; round < 10; round++) {
		SECTION("round %d, %d dispatchers", round, round % 3 + 1);
		counter_init(&ended);
		counter_init(&inside);
		counter_init(&gate);
		REQUIRE_EQ(mrpc_conn_set_create(&set, test_server, NULL), 0);
		REQUIRE_EQ(mrpc_set_disconnect_func(set, disconnected), 0);
		for (i = 0; i <= round % 3; i++)
			REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
		for (i = 0; i < CONNS; i++)
			fds[i] = end_add(set, &conns[i], (void *)(intptr_t)(i + 1), round % 2);
		mrpc_conn_ref(conns[0]);
		thread = thread_start(drop, NULL);
		close(fds[0]);
		thread_join(thread);
		COUNTER_WAIT(&ended, CONNS);
		for (i = 1; i < CONNS; i++) {
			PEER_EOF(fds[i]);
			close(fds[i]);
		}
		mrpc_conn_set_unref(set);
		LEAKS_CHECK(&leaks);
	}
	return tap_done();
}
