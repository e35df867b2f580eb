/* PROTO: test.mx */
/* The table of handlers: none, NULL, without an entry, changed while events are
 * queued. A request without a handler gets PROCEDURE_UNAVAIL. */
#include "extra_rt.h"

static struct trace trace = TRACE_INIT;

static mrpc_status_t get_1(void *data, struct mrpc_message *msg, number *out)
{
	(void)data;
	(void)msg;
	*out = 1;
	trace_add(&trace, 1);
	return MINIRPC_OK;
}

static mrpc_status_t get_2(void *data, struct mrpc_message *msg, number *out)
{
	(void)data;
	(void)msg;
	*out = 2;
	trace_add(&trace, 2);
	return MINIRPC_OK;
}

static const struct test_server_operations first = { .get = get_1 }, second = { .get = get_2 };
static const struct test_server_operations empty;

static void ask(struct end *e, uint32_t seq)
{
	peer_send(e->fd, seq, PENDING, nr_test_get, NULL, 0);
}

static void unavailable(struct end *e, uint32_t seq)
{
	peer_send(e->fd, 0, PENDING, nr_test_poke, NULL, 0);    /* dropped */
	ask(e, seq);
	PEER_EXPECT(e->fd, seq, MINIRPC_PROCEDURE_UNAVAIL, nr_test_get, NULL, 0);
}

int main(void)
{
	struct end e;
	uint32_t i;

	SECTION("never set");
	end_open(&e, test_server, 1, false);
	unavailable(&e, 1);
	SECTION("set to NULL");
	CHECK_EQ(test_server_set_operations(e.conn, NULL), 0);
	unavailable(&e, 2);
	SECTION("no entry");
	CHECK_EQ(test_server_set_operations(e.conn, &empty), 0);
	unavailable(&e, 3);
	SECTION("set later");
	CHECK_EQ(test_server_set_operations(e.conn, &first), 0);
	ask(&e, 4);
	PEER_NUMBER(e.fd, 4, nr_test_get, 1);
	SECTION("taken away");
	CHECK_EQ(test_server_set_operations(e.conn, NULL), 0);
	unavailable(&e, 5);
	end_close(&e);

	SECTION("a change is for the next request dispatched");
	end_open_server(&e, &first, BY_HAND);
	for (i = 0; i < 4; i++)
		ask(&e, i);
	WAIT_FOR(conn_count(e.conn, MRPC_CONNCTR_RECV_MSGS) == 4);
	CHECK_EQ(mrpc_dispatch(e.set, 2), 0);
	CHECK_EQ(test_server_set_operations(e.conn, &second), 0);
	CHECK_EQ(mrpc_dispatch(e.set, 1), 0);
	CHECK_EQ(test_server_set_operations(e.conn, NULL), 0);
	CHECK_EQ(mrpc_dispatch(e.set, 0), EAGAIN);
	PEER_NUMBER(e.fd, 0, nr_test_get, 1);
	PEER_NUMBER(e.fd, 1, nr_test_get, 1);
	PEER_NUMBER(e.fd, 2, nr_test_get, 2);
	PEER_EXPECT(e.fd, 3, MINIRPC_PROCEDURE_UNAVAIL, nr_test_get, NULL, 0);
	end_close(&e);
	return tap_done();
}
