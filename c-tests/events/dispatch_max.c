/* PROTO: test.mx */
/* mrpc_dispatch(set, max): how many events, and which result. */
#include "extra_rt.h"

static struct counter seen = COUNTER_INIT;

static void poke(void *data, struct mrpc_message *msg)
{
	(void)data;
	(void)msg;
	counter_add(&seen, 1);
}

static const struct test_server_operations ops = { .poke = poke };

static void queue(struct end *e, int n)
{
	uint64_t before = conn_count(e->conn, MRPC_CONNCTR_RECV_MSGS);
	int i;

	counter_init(&seen);
	for (i = 0; i < n; i++)
		peer_send(e->fd, 0, PENDING, nr_test_poke, NULL, 0);
	WAIT_FOR(conn_count(e->conn, MRPC_CONNCTR_RECV_MSGS) == before + (uint64_t)n);
	/* Counted is not queued yet. */
	WAIT_FOR(poll(&(struct pollfd){ mrpc_get_event_fd(e->set), POLLIN, 0 }, 1, 0) == 1);
}

int main(void)
{
	struct leaks leaks;
	struct end e;
	int64_t start;

	leaks_begin(&leaks);
	end_open_server(&e, &ops, BY_HAND);

	SECTION("nothing queued: EAGAIN, at once");
	start = now_ms();
	CHECK_EQ(mrpc_dispatch(e.set, 0), EAGAIN);
	CHECK_EQ(mrpc_dispatch(e.set, 1), EAGAIN);
	CHECK_EQ(mrpc_dispatch(e.set, 1000000), EAGAIN);
	CHECK(now_ms() - start < scaled(500));

	SECTION("fewer than there are: 0");
	queue(&e, 5);
	CHECK_EQ(mrpc_dispatch(e.set, 1), 0);
	CHECK_EQ(counter_get(&seen), 1);
	CHECK_EQ(mrpc_dispatch(e.set, 2), 0);
	CHECK_EQ(counter_get(&seen), 3);
	SECTION("as many as there are: 0, then EAGAIN");
	CHECK_EQ(mrpc_dispatch(e.set, 2), 0);
	CHECK_EQ(counter_get(&seen), 5);
	CHECK_EQ(mrpc_dispatch(e.set, 1), EAGAIN);
	SECTION("more than there are: EAGAIN");
	queue(&e, 3);
	CHECK_EQ(mrpc_dispatch(e.set, 10), EAGAIN);
	CHECK_EQ(counter_get(&seen), 3);
	SECTION("no bound: EAGAIN");
	queue(&e, 200);
	CHECK_EQ(mrpc_dispatch(e.set, 0), EAGAIN);
	CHECK_EQ(counter_get(&seen), 200);

	SECTION("ENXIO when the set is being destroyed");
	close(e.fd);
	end_await(&e);
	mrpc_conn_unref(e.conn);
	mrpc_conn_set_unref(e.set);
	CHECK_EQ(mrpc_dispatch(e.set, 0), ENXIO);
	CHECK_EQ(mrpc_dispatch(e.set, 1), ENXIO);
	CHECK_EQ(mrpc_dispatch_loop(e.set), ENXIO);
	mrpc_dispatcher_remove(e.set);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
