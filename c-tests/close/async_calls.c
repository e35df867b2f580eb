/* PROTO: test.mx */
/*
 * mrpc_conn_close: outstanding async calls get their callbacks, exactly once,
 * with NETWORK_FAILURE and no data, also those whose reply had arrived but had
 * not been dispatched.
 */
#include "extra_rt.h"

enum { CALLS = 40, ANSWERED = 15 };

static int fired[CALLS];
static struct counter n_fired = COUNTER_INIT;

static void replied(void *data, void *private, mrpc_status_t status, number *reply)
{
	struct probe *p = data;

	CHECK_EQ(status, MINIRPC_NETWORK_FAILURE);
	CHECK(reply == NULL);
	CHECK_EQ(counter_get(&p->disconnects), 0);
	fired[(intptr_t)private]++;
	counter_add(&n_fired, 1);
}

static void replied_void(void *data, void *private, mrpc_status_t status)
{
	replied(data, private, status, NULL);
}

static const struct test_client_operations ops;

static void run(int threads, bool stopped)
{
	struct end e;
	struct frame f;
	int i;

	memset(fired, 0, sizeof(fired));
	counter_init(&n_fired);
	end_open_client(&e, &ops, threads);
	if (stopped)
		CHECK_EQ(mrpc_stop_events(e.conn), 0);
	for (i = 0; i < CALLS; i++) {
		if (i % 2)
			CHECK_EQ(test_get_async(e.conn, replied, (void *)(intptr_t)i), MINIRPC_OK);
		else
			CHECK_EQ(test_ping_async(e.conn, replied_void, (void *)(intptr_t)i),
				 MINIRPC_OK);
	}
	for (i = 0; i < CALLS; i++) {
		peer_recv(e.fd, &f);
		if (i < ANSWERED && f.cmd == nr_test_get)
			peer_reply_number(e.fd, f.seq, f.cmd, i);
		else if (i < ANSWERED)
			peer_send(e.fd, f.seq, MINIRPC_OK, f.cmd, NULL, 0);
		free(f.data);
	}
	WAIT_FOR(conn_count(e.conn, MRPC_CONNCTR_RECV_MSGS) == ANSWERED);
	CHECK_EQ(mrpc_conn_close(e.conn), 0);
	if (stopped)
		CHECK_EQ(mrpc_start_events(e.conn), 0);
	end_await(&e);
	CHECK_EQ(counter_get(&n_fired), CALLS);
	for (i = 0; i < CALLS; i++)
		CHECK_EQ(fired[i], 1);
	CHECK_EQ(e.probe.reason, MRPC_DISC_USER);
	end_close(&e);
}

int main(void)
{
	struct leaks leaks;

	leaks_begin(&leaks);
	SECTION("nobody has dispatched");
	run(BY_HAND, false);
	SECTION("the connection was stopped");
	run(2, true);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
