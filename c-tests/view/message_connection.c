/* PROTO: test.mx */
/* NEEDS: additions */
/*
 * mrpc_message_get_connection: a reference on the connection of a request, in its handler
 * or as long as the request is kept; of a one-way message, in its handler.
 */
#include "view.h"
#include "keep.h"

static struct counter called = COUNTER_INIT;
static struct mrpc_message *heard;
static struct mrpc_connection *expected;

static void finds(struct mrpc_message *msg)
{
	struct mrpc_connection *conn = NULL;

	CHECK_EQ(mrpc_message_get_connection(msg, &conn), 0);
	CHECK_PTR(conn, expected);
	mrpc_conn_unref(conn);
}

static void finds_not(struct mrpc_message *msg, int error)
{
	struct mrpc_connection *conn = expected;

	CHECK_EQ(mrpc_message_get_connection(msg, &conn), error);
	CHECK_PTR(conn, NULL);
}

static mrpc_status_t do_put(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)in;
	finds(msg);
	return MINIRPC_OK;
}

static mrpc_status_t do_later_void(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)in;
	finds(msg);
	return keep(msg);
}

static void do_notify(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)in;
	finds(msg);
	heard = msg;
	counter_add(&called, 1);
}

static const struct test_server_operations ops = {
	.put = do_put, .later_void = do_later_void, .notify = do_notify
};

int main(void)
{
	struct mrpc_connection *conn;
	struct leaks leaks;
	struct end e;

	leaks_begin(&leaks);
	end_open_server(&e, &ops, 1);
	expected = e.conn;
	SECTION("NULL, and what never was a request");
	finds_not(NULL, EINVAL);
	CHECK_EQ(mrpc_message_get_connection((struct mrpc_message *)&e, NULL), EINVAL);
	finds_not((struct mrpc_message *)&e, EINVAL);

	SECTION("in a handler, of a request and of a message");
	peer_number(e.fd, 1, nr_test_put, 0);
	PEER_EXPECT(e.fd, 1, MINIRPC_OK, nr_test_put, NULL, 0);
	peer_number(e.fd, 2, nr_test_notify, 0);
	COUNTER_WAIT(&called, 1);
	finds_not(heard, ENOENT);

	SECTION("of a kept request, in any thread, until it is replied to");
	peer_number(e.fd, 3, nr_test_later_void, 0);
	COUNTER_WAIT(&keeps, 1);
	finds(kept[0]);
	CHECK_EQ(test_later_void_send_async_reply(kept[0]), MINIRPC_OK);
	PEER_EXPECT(e.fd, 3, MINIRPC_OK, nr_test_later_void, NULL, 0);
	finds_not(kept[0], ENOENT);

	SECTION("the reference keeps the handle when the connection goes, and the request is no more");
	peer_number(e.fd, 4, nr_test_later_void, 0);
	COUNTER_WAIT(&keeps, 2);
	CHECK_EQ(mrpc_message_get_connection(kept[1], &conn), 0);
	mrpc_conn_unref(e.conn);
	close(e.fd);
	COUNTER_WAIT(&e.probe.disconnects, 1);
	CHECK_EQ(conn_stats(conn).id, 1);
	finds_not(kept[1], ENOENT);
	mrpc_conn_unref(conn);
	finds_not(kept[1], ENOENT);
	mrpc_conn_set_unref(e.set);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
