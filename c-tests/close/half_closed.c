/* PROTO: test.mx */
/* NEEDS: additions */
/*
 * A peer that has ended its sending side: requests that have arrived, kept ones
 * too, can be answered until all are; our own calls fail at once, unless their
 * reply has been read. Then disconnect, MRPC_DISC_CLOSED.
 */
#include "extra_rt.h"
#include "keep.h"

enum { LEN = 1 << 20 };

static struct counter echoes, gate, called;
static mrpc_status_t called_with;

static mrpc_status_t echo(void *data, struct mrpc_message *msg, blob *in, blob *out)
{
	counter_add(&echoes, 1);
	return answer_echo(data, msg, in, out);
}

static mrpc_status_t put(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	COUNTER_WAIT(&gate, *in);
	return MINIRPC_OK;
}

static const struct test_server_operations ops = {
	.ping = answer_ping, .echo = echo, .put = put, .later = keep_later
};

static void on_ping(void *data, void *private, mrpc_status_t status)
{
	(void)data;
	(void)private;
	called_with = status;
	counter_add(&called, 1);
}

static void open_end(struct end *e, bool tcp)
{
	counter_init(&keeps);
	counter_init(&echoes);
	counter_init(&gate);
	counter_init(&called);
	end_open(e, test_server, 2, tcp);
	REQUIRE_EQ(test_server_set_operations(e->conn, &ops), 0);
}

static void end_sending(struct end *e)
{
	REQUIRE_EQ(shutdown(e->fd, SHUT_WR), 0);
}

/* The end of the stream, then the disconnect event. */
static void check_closed(struct end *e)
{
	PEER_EOF(e->fd);
	COUNTER_WAIT(&e->probe.disconnects, 1);
	CHECK_EQ(e->probe.reason, MRPC_DISC_CLOSED);
	CHECK_EQ(counter_get(&e->probe.ioerrs), 0);
	end_close(e);
}

static void requests(bool tcp)
{
	static unsigned char payload[LEN];
	struct end e;
	int i;

	SECTION("nothing to answer");
	open_end(&e, tcp);
	end_sending(&e);
	check_closed(&e);

	SECTION("requests behind a handler that takes its time");
	open_end(&e, tcp);
	peer_number(e.fd, 0, nr_test_put, 1);
	for (i = 1; i < 200; i++)
		peer_send(e.fd, (uint32_t)i, PENDING, nr_test_ping, NULL, 0);
	end_sending(&e);
	STAYS(counter_get(&e.probe.disconnects) == 0, 20);
	counter_add(&gate, 1);
	PEER_EXPECT(e.fd, 0, MINIRPC_OK, nr_test_put, NULL, 0);
	for (i = 1; i < 200; i++)
		if (!PEER_EXPECT(e.fd, (uint32_t)i, MINIRPC_OK, nr_test_ping, NULL, 0))
			break;
	check_closed(&e);

	SECTION("replies larger than what a socket takes");
	open_end(&e, tcp);
	REQUIRE_EQ(mrpc_set_max_buf_len(e.set, LEN), 0);
	put_u32(payload, LEN - 4);
	for (i = 0; i < 3; i++)
		peer_send(e.fd, (uint32_t)i, PENDING, nr_test_echo, payload, LEN);
	end_sending(&e);
	COUNTER_WAIT(&echoes, 3);
	if (!tcp)               /* which may take all of them */
		STAYS(counter_get(&e.probe.disconnects) == 0, 20);
	for (i = 0; i < 3; i++)
		PEER_EXPECT(e.fd, (uint32_t)i, MINIRPC_OK, nr_test_echo, payload, LEN);
	check_closed(&e);

	SECTION("refused requests are answered, too; half a request is not");
	open_end(&e, tcp);
	peer_number(e.fd, 1, 77, 1);
	peer_send(e.fd, 2, PENDING, nr_test_ping, NULL, 0);
	peer_write(e.fd, "\0\0\0\3\377\377\377\377\0\0", 10);
	end_sending(&e);
	PEER_EXPECT(e.fd, 1, MINIRPC_PROCEDURE_UNAVAIL, 77, NULL, 0);
	PEER_EXPECT(e.fd, 2, MINIRPC_OK, nr_test_ping, NULL, 0);
	PEER_EOF(e.fd);
	end_close(&e);
}

static void kept_requests(bool tcp)
{
	struct end e;
	int i;

	SECTION("kept requests, in any order");
	open_end(&e, tcp);
	for (i = 0; i < 3; i++)
		peer_number(e.fd, (uint32_t)i, nr_test_later, i);
	end_sending(&e);
	COUNTER_WAIT(&keeps, 3);
	for (i = 2; i >= 0; i--) {
		STAYS(counter_get(&e.probe.disconnects) == 0, 10);
		CHECK_EQ(answer_kept(i, 10 * i), MINIRPC_OK);
		PEER_NUMBER(e.fd, (uint32_t)i, nr_test_later, 10 * i);
	}
	check_closed(&e);

	SECTION("a kept request, and a peer that goes altogether");
	open_end(&e, tcp);
	peer_number(e.fd, 0, nr_test_later, 1);
	peer_number(e.fd, 1, nr_test_later, 2);
	end_sending(&e);
	COUNTER_WAIT(&keeps, 2);
	if (tcp)
		peer_reset(e.fd);
	else
		close(e.fd);
	e.fd = -1;
	COUNTER_WAIT(&e.probe.disconnects, 1);
	for (i = 0; i < 2; i++)
		CHECK_EQ(answer_kept(i, 1), MINIRPC_NETWORK_FAILURE);
	end_close(&e);

	SECTION("a kept request, and mrpc_conn_close");
	open_end(&e, tcp);
	peer_number(e.fd, 0, nr_test_later, 1);
	end_sending(&e);
	COUNTER_WAIT(&keeps, 1);
	CHECK_EQ(mrpc_conn_close(e.conn), 0);
	CHECK_EQ(answer_kept(0, 1), MINIRPC_NETWORK_FAILURE);
	PEER_EOF(e.fd);
	COUNTER_WAIT(&e.probe.disconnects, 1);
	end_close(&e);
}

static void *call(void *conn)
{
	return (void *)(intptr_t)test_client_ping(conn);
}

/* While a kept request holds the connection. */
static void own_calls(bool tcp)
{
	number n = 1, *sum = (void *)&n;
	operands in = { 1, 2 };
	pthread_t thread;
	struct frame f;
	struct end e;

	SECTION("own calls that wait fail at once");
	open_end(&e, tcp);
	peer_number(e.fd, 0, nr_test_later, 1);
	COUNTER_WAIT(&keeps, 1);
	thread = thread_start(call, e.conn);
	peer_recv(e.fd, &f);
	free(f.data);
	CHECK_EQ(test_client_ping_async(e.conn, on_ping, NULL), MINIRPC_OK);
	peer_recv(e.fd, &f);
	free(f.data);
	end_sending(&e);
	CHECK_EQ((intptr_t)PROMPT(thread_join(thread)), MINIRPC_NETWORK_FAILURE);
	COUNTER_WAIT(&called, 1);
	CHECK_EQ(called_with, MINIRPC_NETWORK_FAILURE);

	SECTION("so do new ones, and the request can still be answered");
	CHECK_EQ(PROMPT(test_client_add(e.conn, &in, &sum)), MINIRPC_NETWORK_FAILURE);
	CHECK_PTR(sum, NULL);
	CHECK_EQ(test_client_ping_async(e.conn, on_ping, NULL), MINIRPC_NETWORK_FAILURE);
	CHECK_EQ(counter_get(&e.probe.disconnects), 0);
	CHECK_EQ(answer_kept(0, 1), MINIRPC_OK);
	PEER_NUMBER(e.fd, 0, nr_test_later, 1);
	check_closed(&e);
	CHECK_EQ(counter_get(&called), 1);

	SECTION("own calls whose replies came before the end have them");
	open_end(&e, tcp);
	peer_number(e.fd, 0, nr_test_later, 1);
	COUNTER_WAIT(&keeps, 1);
	CHECK_EQ(mrpc_stop_events(e.conn), 0);
	CHECK_EQ(test_client_ping_async(e.conn, on_ping, NULL), MINIRPC_OK);
	peer_recv(e.fd, &f);
	free(f.data);
	peer_send(e.fd, f.seq, MINIRPC_OK, nr_test_client_ping, NULL, 0);
	end_sending(&e);
	/* which ends when the end has been read, whether it was sent or not */
	CHECK_EQ(PROMPT(test_client_ping(e.conn)), MINIRPC_NETWORK_FAILURE);
	CHECK_EQ(mrpc_start_events(e.conn), 0);
	COUNTER_WAIT(&called, 1);
	CHECK_EQ(called_with, MINIRPC_OK);
	CHECK_EQ(answer_kept(0, 1), MINIRPC_OK);
	do {
		peer_recv(e.fd, &f);
		free(f.data);
	} while (f.status == PENDING);
	CHECK_EQ(f.cmd, nr_test_later);
	check_closed(&e);
	CHECK_EQ(counter_get(&called), 1);
}

int main(void)
{
	struct leaks leaks;
	int tcp;

	leaks_begin(&leaks);
	for (tcp = 0; tcp < 2; tcp++) {
		requests(tcp);
		kept_requests(tcp);
		own_calls(tcp);
		if (!LEAKS_CHECK(&leaks))
			break;
	}
	return tap_done();
}
