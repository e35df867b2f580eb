/* PROTO: test.mx */
/* NEEDS: additions */
/*
 * What mrpc_drain waits for on a connection, and what it refuses: requests that have
 * arrived are answered, kept ones too; later ones are refused in their turn, messages
 * dropped and counted; our calls are waited for, new ones fail, messages go. Then our side
 * ends, and with the peer's the connection.
 */
#include "drain.h"
#include "keep.h"

static struct counter called = COUNTER_INIT;

static mrpc_status_t put(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	(void)in;
	return MINIRPC_OK;
}

static void on_ping(void *data, void *private, mrpc_status_t status)
{
	(void)data;
	(void)private;
	CHECK_EQ(status, MINIRPC_OK);
	counter_add(&called, 1);
}

static const struct test_server_operations ops = {
	.ping = drain_hold, .put = put, .later = keep_later, .notify = count_notify
};

static uint64_t dropped(struct mrpc_conn_set *set)
{
	struct mrpc_set_stats stats = { .size = sizeof(stats) };

	CHECK_EQ(mrpc_get_stats(set, &stats), 0);
	return stats.messages_dropped;
}

/* The drain has come to the connection, too. A call before that leaves, and is not answered. */
static bool calls_fail(struct end *e)
{
	struct mrpc_call_options o = MRPC_CALL_OPTIONS_INIT;
	mrpc_status_t status;
	struct frame f;

	o.timeout_ms = 20;
	status = test_client_ping_with(e->conn, &o);
	if (status == MINIRPC_TIMEDOUT) {
		peer_recv(e->fd, &f);
		CHECK_EQ(f.cmd, nr_test_client_ping);
		free(f.data);
	}
	return status == MINIRPC_NETWORK_FAILURE;
}

static void run(void)
{
	struct frame call, f;
	struct drain d;
	struct end e;

	counter_init(&keeps);
	counter_init(&called);
	counter_init(&held);
	counter_init(&go);
	SECTION("as long as something is left, it does not return");
	end_open_server(&e, &ops, 2);
	REQUIRE_EQ(mrpc_set_accept_func(e.set, drain_accept), 0);
	peer_number(e.fd, 1, nr_test_later, 1);
	COUNTER_WAIT(&keeps, 1);
	CHECK_EQ(test_client_ping_async(e.conn, on_ping, NULL), MINIRPC_OK);
	peer_recv(e.fd, &call);
	peer_send(e.fd, 2, PENDING, nr_test_ping, NULL, 0);
	COUNTER_WAIT(&held, 1);
	peer_number(e.fd, 3, nr_test_put, 3);     /* behind it */
	peer_number(e.fd, 0, nr_test_notify, 1);
	WAIT_FOR(conn_count(e.conn, MRPC_CONNCTR_RECV_MSGS) == 4);
	drain_start(&d, e.set, 0);

	SECTION("what comes now is refused in its turn, or dropped");
	WAIT_FOR(calls_fail(&e));
	peer_number(e.fd, 4, nr_test_put, 4);
	peer_number(e.fd, 0, nr_test_notify, 2);
	peer_number(e.fd, 5, 99, 5);
	WAIT_FOR(conn_count(e.conn, MRPC_CONNCTR_RECV_MSGS) == 7);
	counter_add(&go, 1);
	PEER_EXPECT(e.fd, 2, MINIRPC_OK, nr_test_ping, NULL, 0);
	PEER_EXPECT(e.fd, 3, MINIRPC_OK, nr_test_put, NULL, 0);
	PEER_EXPECT(e.fd, 4, MINIRPC_PROCEDURE_UNAVAIL, nr_test_put, NULL, 0);
	PEER_EXPECT(e.fd, 5, MINIRPC_PROCEDURE_UNAVAIL, 99, NULL, 0);
	CHECK_EQ(counter_get(&notified), 1);
	CHECK_EQ(dropped(e.set), 1);

	SECTION("messages and replies still go, no calls");
	CHECK_EQ(test_tick(e.conn), MINIRPC_OK);
	peer_recv(e.fd, &f);
	CHECK_EQ(f.cmd, nr_test_tick);
	free(f.data);
	CHECK_EQ(test_client_ping_async(e.conn, on_ping, NULL), MINIRPC_NETWORK_FAILURE);
	CHECK_EQ(answer_kept(0, 7), MINIRPC_OK);
	PEER_NUMBER(e.fd, 1, nr_test_later, 7);
	STAYS(counter_get(&d.over) == 0, 100);

	SECTION("our own call is waited for; then our side ends");
	peer_send(e.fd, call.seq, MINIRPC_OK, call.cmd, NULL, 0);
	free(call.data);
	COUNTER_WAIT(&called, 1);
	PEER_EOF(e.fd);
	CHECK_EQ(counter_get(&e.probe.disconnects), 0);
	CHECK_EQ(test_tick(e.conn), MINIRPC_NETWORK_FAILURE);

	SECTION("what comes after that is dropped; the peer's end is waited for");
	peer_number(e.fd, 6, nr_test_put, 6);
	WAIT_FOR(conn_count(e.conn, MRPC_CONNCTR_RECV_MSGS) == 9);
	STAYS(counter_get(&d.over) == 0, 20);
	REQUIRE_EQ(shutdown(e.fd, SHUT_WR), 0);
	CHECK_EQ(drain_join(&d), 0);
	CHECK_EQ(counter_get(&e.probe.disconnects), 1);
	CHECK_EQ(e.probe.reason, MRPC_DISC_CLOSED);
	CHECK_EQ(counter_get(&e.probe.ioerrs), 0);
	end_close(&e);
}

int main(void)
{
	struct leaks leaks;
	int i;

	leaks_begin(&leaks);
	for (i = 0; i < 3; i++) {
		counter_init(&notified);
		run();
		LEAKS_CHECK(&leaks);
	}
	return tap_done();
}
