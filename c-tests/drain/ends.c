/* PROTO: test.mx */
/* NEEDS: additions */
/*
 * How mrpc_drain ends where a peer or a handler does not: after linger, or when its
 * time is over.
 */
#include "drain.h"
#include "keep.h"

static const struct test_server_operations ops = { .ping = drain_hold, .later = keep_later };

static void open_counted(struct end *e, int threads)
{
	counter_init(&keeps);
	counter_init(&held);
	counter_init(&go);
	end_open_server(e, &ops, threads);
	REQUIRE_EQ(mrpc_set_accept_func(e->set, drain_accept), 0);
}

static void lingers(bool owed)
{
	struct end e;

	SECTION("%s: given up after linger", owed ? "a request is never answered"
	       : "the peer does not end its side");
	open_counted(&e, 2);
	REQUIRE_EQ(mrpc_set_linger(e.set, 200), 0);
	if (owed) {
		peer_number(e.fd, 1, nr_test_later, 1);
		COUNTER_WAIT(&keeps, 1);
	}
	CHECK_EQ(mrpc_drain(e.set, 0), 0);
	CHECK_EQ(counter_get(&e.probe.disconnects), 1);
	CHECK_EQ(e.probe.reason, MRPC_DISC_IOERR);
	CHECK_EQ(counter_get(&e.probe.ioerrs), 1);
	CHECK(strstr(e.probe.text, owed ? "drains" : "end its side") != NULL);
	PEER_EOF(e.fd);
	end_close(&e);
}

static void times_out(int threads)
{
	struct end e;

	SECTION("the time is over, %d dispatchers: the rest is closed", threads);
	open_counted(&e, threads);
	peer_number(e.fd, 1, nr_test_later, 1);
	if (threads == BY_HAND)
		DISPATCH_UNTIL(e.set, counter_get(&keeps) == 1);
	COUNTER_WAIT(&keeps, 1);
	CHECK_EQ(PROMPT(mrpc_drain(e.set, 100)), ETIMEDOUT);
	CHECK_EQ(counter_get(&e.probe.disconnects), 1);
	CHECK_EQ(e.probe.reason, MRPC_DISC_USER);
	CHECK_EQ(answer_kept(0, 7), MINIRPC_NETWORK_FAILURE);
	PEER_EOF(e.fd);
	CHECK_EQ(PROMPT(mrpc_drain(e.set, 100)), 0);
	end_close(&e);
}

static void handler_stays(void)
{
	int64_t start = now_ms();
	struct end e;

	SECTION("a handler that does not return is not waited for without end");
	open_counted(&e, 2);
	peer_send(e.fd, 1, PENDING, nr_test_ping, NULL, 0);
	COUNTER_WAIT(&held, 1);
	CHECK_EQ(mrpc_drain(e.set, 100), ETIMEDOUT);
	CHECK(now_ms() - start < scaled(5000));
	CHECK_EQ(counter_get(&e.probe.disconnects), 0);
	counter_add(&go, 1);
	end_close(&e);
	CHECK_EQ(e.probe.reason, MRPC_DISC_USER);
}

static void nobody(void)
{
	struct mrpc_conn_set *set;
	struct mrpc_connection *conn;
	struct probe probe;
	int fd;

	SECTION("no dispatcher: when only events are left");
	probe_init(&probe);
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_server, NULL), 0);
	probe_watch(set);
	fd = end_add(set, &conn, &probe, false);
	REQUIRE_EQ(shutdown(fd, SHUT_WR), 0);
	CHECK_EQ(PROMPT(mrpc_drain(set, 0)), 0);
	CHECK_EQ(counter_get(&probe.disconnects), 0);
	close(fd);
	mrpc_dispatcher_add(set);
	DISPATCH_UNTIL(set, counter_get(&probe.disconnects) == 1);
	mrpc_conn_unref(conn);
	mrpc_dispatcher_remove(set);
	mrpc_conn_set_unref(set);
}

static void by_hand(void)
{
	struct end e;

	SECTION("who is registered as a dispatcher dispatches meanwhile");
	open_counted(&e, BY_HAND);
	counter_add(&go, 1);
	peer_send(e.fd, 1, PENDING, nr_test_ping, NULL, 0);
	WAIT_FOR(conn_count(e.conn, MRPC_CONNCTR_RECV_MSGS) == 1);
	REQUIRE_EQ(shutdown(e.fd, SHUT_WR), 0);
	CHECK_EQ(PROMPT(mrpc_drain(e.set, 0)), 0);
	PEER_EXPECT(e.fd, 1, MINIRPC_OK, nr_test_ping, NULL, 0);
	CHECK_EQ(counter_get(&e.probe.disconnects), 1);
	end_close(&e);
}

static void leave(void *data, struct mrpc_message *msg)
{
	(void)data;
	(void)msg;
	pthread_exit(NULL);
}

static const struct test_server_operations leaving = { .poke = leave };

static void *drain_and_leave(void *arg)
{
	struct end *e = arg;

	mrpc_dispatcher_add(e->set);
	mrpc_drain(e->set, 0);
	CHECK(!"comes back");
	return NULL;
}

static void left(void)
{
	struct end e;

	SECTION("a handler ends the thread that drains: another is let in");
	end_open_server(&e, &leaving, BY_HAND);
	peer_send(e.fd, 0, PENDING, nr_test_poke, NULL, 0);
	WAIT_FOR(conn_count(e.conn, MRPC_CONNCTR_RECV_MSGS) == 1);
	thread_join(thread_start(drain_and_leave, &e));
	REQUIRE_EQ(shutdown(e.fd, SHUT_WR), 0);
	CHECK_EQ(mrpc_drain(e.set, 0), 0);
	end_close(&e);
}

int main(void)
{
	struct leaks leaks;

	leaks_begin(&leaks);
	lingers(false);
	lingers(true);
	times_out(2);
	times_out(BY_HAND);
	handler_stays();
	nobody();
	by_hand();
	left();
	LEAKS_CHECK(&leaks);
	return tap_done();
}
