/* PROTO: test.mx */
/* The event descriptor is readable exactly while events are queued or the set
 * is being destroyed. */
#include "extra_rt.h"

static struct counter seen = COUNTER_INIT;

static void poke(void *data, struct mrpc_message *msg)
{
	(void)data;
	(void)msg;
	counter_add(&seen, 1);
}

static const struct test_server_operations ops = { .poke = poke };

static bool readable(int fd, int ms)
{
	struct pollfd p = { fd, POLLIN, 0 };

	return poll(&p, 1, ms) == 1 && (p.revents & POLLIN);
}

static void ask(struct end *e, int n)
{
	while (n-- > 0)
		peer_send(e->fd, 0, PENDING, nr_test_poke, NULL, 0);
}

int main(void)
{
	struct leaks leaks;
	struct end e;
	int fd, i;

	leaks_begin(&leaks);
	SECTION("-1 for NULL");
	CHECK_EQ(mrpc_get_event_fd(NULL), -1);

	SECTION("not readable while nothing is queued");
	end_open_server(&e, &ops, BY_HAND);
	fd = mrpc_get_event_fd(e.set);
	REQUIRE(fd >= 0);
	CHECK_EQ(mrpc_get_event_fd(e.set), fd);
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	CHECK(!readable(fd, 50));

	SECTION("readable while events are queued, nobody dispatching");
	for (i = 0; i < 20; i++) {
		ask(&e, 2);
		if (!CHECK(readable(fd, (int)scaled(5000))))
			break;
		WAIT_FOR(conn_count(e.conn, MRPC_CONNCTR_RECV_MSGS) == 2 * (uint64_t)i + 2);
		CHECK(readable(fd, 0));
		CHECK_EQ(mrpc_dispatch(e.set, 1), 0);
		CHECK(readable(fd, 0));
		CHECK_EQ(mrpc_dispatch(e.set, 0), EAGAIN);
		CHECK(!readable(fd, 0));
	}
	CHECK_EQ(counter_get(&seen), 40);

	SECTION("a stopped connection's events do not count until it is started");
	CHECK_EQ(mrpc_stop_events(e.conn), 0);
	ask(&e, 1);
	WAIT_FOR(conn_count(e.conn, MRPC_CONNCTR_RECV_MSGS) == 41);
	mrpc_dispatch(e.set, 0);
	CHECK_EQ(counter_get(&seen), 40);
	CHECK(!readable(fd, 20));
	CHECK_EQ(mrpc_start_events(e.conn), 0);
	CHECK(readable(fd, (int)scaled(5000)));
	CHECK_EQ(mrpc_dispatch(e.set, 0), EAGAIN);
	CHECK_EQ(counter_get(&seen), 41);

	SECTION("asked for while events are queued: readable at once");
	end_close(&e);
	end_open_server(&e, &ops, BY_HAND);
	ask(&e, 1);
	WAIT_FOR(conn_count(e.conn, MRPC_CONNCTR_RECV_MSGS) == 1);
	fd = mrpc_get_event_fd(e.set);
	CHECK(readable(fd, (int)scaled(5000)));
	CHECK_EQ(mrpc_dispatch(e.set, 0), EAGAIN);
	CHECK(!readable(fd, 0));

	SECTION("readable for the disconnect, and from the set's destruction on");
	close(e.fd);
	CHECK(readable(fd, (int)scaled(5000)));
	end_await(&e);
	CHECK(!readable(fd, 20));
	mrpc_conn_unref(e.conn);
	CHECK(!readable(fd, 20));
	mrpc_conn_set_unref(e.set);
	CHECK(readable(fd, (int)scaled(5000)));
	CHECK_EQ(mrpc_dispatch(e.set, 0), ENXIO);
	mrpc_dispatcher_remove(e.set);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
