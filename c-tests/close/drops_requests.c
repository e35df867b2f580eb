/* PROTO: test.mx */
/* From mrpc_conn_close on, queued and later requests, messages and ioerrs are
 * dropped; the disconnect fires. */
#include "extra_rt.h"

static mrpc_status_t put(void *data, struct mrpc_message *msg, number *in)
{
	count_notify(data, msg, in);
	return MINIRPC_OK;
}

static const struct test_server_operations ops = { .notify = count_notify, .put = put };

static void send_some(int fd)
{
	int i;

	for (i = 0; i < 10; i++) {
		peer_number(fd, 0, nr_test_notify, i);
		peer_number(fd, (uint32_t)i, nr_test_put, i);
		peer_send(fd, 99, MINIRPC_OK, nr_test_client_ping, NULL, 0);    /* ioerr */
	}
}

int main(void)
{
	static char payload[16000];
	blob b = { sizeof(payload), payload };
	struct leaks leaks;
	struct end e;
	struct frame f;
	int i;

	leaks_begin(&leaks);
	SECTION("queued when the connection is closed");
	end_open_server(&e, &ops, BY_HAND);
	send_some(e.fd);
	WAIT_FOR(conn_count(e.conn, MRPC_CONNCTR_RECV_MSGS) == 30);
	/* what has been counted is queued a moment later */
	DISPATCH_UNTIL(e.set, counter_get(&notified) == 2);
	CHECK_EQ(mrpc_conn_close(e.conn), 0);
	end_await(&e);
	CHECK_EQ(mrpc_dispatch(e.set, 0), EAGAIN);
	CHECK_EQ(counter_get(&notified), 2);
	CHECK_EQ(counter_get(&e.probe.ioerrs), 0);
	PEER_EXPECT(e.fd, 0, MINIRPC_OK, nr_test_put, NULL, 0);
	PEER_EOF(e.fd);
	end_close(&e);

	SECTION("arriving while the queue is being sent");
	counter_init(&notified);
	end_open_server(&e, &ops, 1);
	for (i = 0; i < 100; i++)
		CHECK_EQ(test_flood(e.conn, &b), MINIRPC_OK);
	CHECK_EQ(mrpc_conn_close(e.conn), 0);
	for (i = 0; i < 10; i++)
		peer_number(e.fd, (uint32_t)i, nr_test_put, i);
	for (i = 0; i < 100; i++) {
		peer_recv(e.fd, &f);
		CHECK_EQ(f.cmd, nr_test_flood);
		free(f.data);
	}
	PEER_EOF(e.fd);
	end_await(&e);
	CHECK_EQ(counter_get(&notified), 0);
	end_close(&e);

	SECTION("on a stopped connection");
	end_open_server(&e, &ops, 1);
	CHECK_EQ(mrpc_stop_events(e.conn), 0);
	send_some(e.fd);
	WAIT_FOR(conn_count(e.conn, MRPC_CONNCTR_RECV_MSGS) == 30);
	CHECK_EQ(mrpc_conn_close(e.conn), 0);
	CHECK_EQ(mrpc_start_events(e.conn), 0);
	end_await(&e);
	CHECK_EQ(counter_get(&notified), 0);
	CHECK_EQ(counter_get(&e.probe.ioerrs), 0);
	end_close(&e);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
