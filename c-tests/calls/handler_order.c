/* PROTO: test.mx */
/*
 * A handler's messages, its own calls and its result leave in the order in which
 * it made them, and so do those of the handlers after it: the peer is a bare
 * socket that takes what comes next to be the next thing.
 */
#include "calls.h"

enum { REQUESTS = 300 };

static struct mrpc_connection *conn;

static void on_reply(void *data, void *private, mrpc_status_t status)
{
	(void)data;
	(void)private;
	CHECK_EQ(status, MINIRPC_NETWORK_FAILURE);
}

static mrpc_status_t later(void *data, struct mrpc_message *msg, number *in, number *out)
{
	number before = 10 * *in, after = before + 1;

	(void)data;
	CHECK_EQ(test_event(conn, &before), MINIRPC_OK);
	if (*in % 3 == 0)
		CHECK_EQ(test_client_ping_async(conn, on_reply, NULL), MINIRPC_OK);
	CHECK_EQ(test_event(conn, &after), MINIRPC_OK);
	*out = *in;
	if (*in % 2 == 0)
		return MINIRPC_OK;
	CHECK_EQ(test_later_send_async_reply(msg, in), MINIRPC_OK);
	return MINIRPC_PENDING;
}

static const struct test_server_operations ops = { .later = later };

static void expect_event(int fd, int value)
{
	struct frame f;

	peer_recv(fd, &f);
	CHECK_EQ(f.status, PENDING);
	CHECK_EQ(f.cmd, nr_test_event);
	if (CHECK_EQ(f.len, 4))
		CHECK_EQ(get_u32(f.data), value);
	free(f.data);
}

static void expect_ping(int fd)
{
	struct frame f;

	peer_recv(fd, &f);
	CHECK_EQ(f.status, PENDING);
	CHECK_EQ(f.cmd, nr_test_client_ping);
	free(f.data);
}

static void expect_all(int fd, int i)
{
	expect_event(fd, 10 * i);
	if (i % 3 == 0)
		expect_ping(fd);
	expect_event(fd, 10 * i + 1);
	PEER_NUMBER(fd, (uint32_t)i, nr_test_later, i);
}

int main(void)
{
	struct leaks leaks;
	struct end e;
	int i;

	leaks_begin(&leaks);
	end_open_server(&e, &ops, 3);
	conn = e.conn;
	SECTION("one request at a time");
	for (i = 0; i < REQUESTS; i++) {
		peer_number(e.fd, (uint32_t)i, nr_test_later, i);
		expect_all(e.fd, i);
	}
	SECTION("%d requests at once", REQUESTS);
	for (i = 0; i < REQUESTS; i++)
		peer_number(e.fd, (uint32_t)i, nr_test_later, i);
	for (i = 0; i < REQUESTS; i++)
		expect_all(e.fd, i);
	end_close(&e);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
