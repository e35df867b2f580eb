/* PROTO: test.mx */
/*
 * A connection closed inside its own handler: the handler goes on and sees no
 * further event but errors; its result goes nowhere; then the disconnect. Also
 * inside accept, ioerr, disconnect and a reply callback.
 */
#include "extra_rt.h"

static struct trace trace = TRACE_INIT;
static struct mrpc_connection *conn;
static struct mrpc_conn_set *set;
static bool release;

static void refused(void)
{
	number n = 1;

	CHECK_EQ(mrpc_conn_close(conn), EALREADY);
	CHECK_EQ(test_client_ping(conn), MINIRPC_NETWORK_FAILURE);
	CHECK_EQ(test_event(conn, &n), MINIRPC_NETWORK_FAILURE);
}

static mrpc_status_t put(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	trace_add(&trace, *in);
	if (*in != 1)
		return MINIRPC_OK;
	if (release)
		CHECK_EQ(mrpc_release_event(), 0);
	CHECK_EQ(mrpc_conn_close(conn), 0);
	refused();
	if (!release)           /* nothing fires beside us */
		STAYS(trace_len(&trace) == 1, 30);
	refused();
	trace_add(&trace, 50);
	return MINIRPC_OK;
}

static const struct test_server_operations ops = { .put = put };

static void *accepted(void *data, struct mrpc_connection *new_conn, struct sockaddr *from,
		      socklen_t len)
{
	(void)data;
	(void)from;
	(void)len;
	conn = new_conn;
	CHECK_EQ(mrpc_conn_close(conn), 0);
	refused();
	trace_add(&trace, 20);
	return conn;
}

static void closes(void *data, char *message)
{
	(void)data;
	(void)message;
	CHECK_EQ(mrpc_conn_close(conn), 0);
	refused();
	trace_add(&trace, 30);
}

static void replied(void *data, void *private, mrpc_status_t status)
{
	(void)data;
	(void)private;
	CHECK_EQ(status, MINIRPC_OK);
	CHECK_EQ(mrpc_conn_close(conn), 0);
	refused();
	trace_add(&trace, 40);
}

static void disconnected(void *data, enum mrpc_disc_reason reason)
{
	(void)data;
	CHECK_EQ(mrpc_conn_close(conn), reason == MRPC_DISC_USER ? EALREADY : 0);
	trace_add(&trace, 1000 + (int)reason);
}

static int start(void)
{
	int fd;

	trace_clear(&trace);
	fd = end_add(set, &conn, NULL, false);
	REQUIRE_EQ(test_server_set_operations(conn, &ops), 0);
	return fd;
}

/* At once: the first ends the connection. */
static void send_three(int fd)
{
	unsigned char frames[3][HEADER_LEN + 4];
	uint32_t i;

	for (i = 0; i < 3; i++) {
		peer_header(frames[i], i + 1, PENDING, nr_test_put, 4);
		put_u32(frames[i] + HEADER_LEN, i + 1);
	}
	peer_write(fd, frames, sizeof(frames));
}

int main(void)
{
	struct leaks leaks;
	struct frame f;
	char *port = NULL;
	int fd;

	leaks_begin(&leaks);
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_server, NULL), 0);
	REQUIRE_EQ(mrpc_set_disconnect_func(set, disconnected), 0);
	REQUIRE_EQ(mrpc_set_ioerr_func(set, closes), 0);
	REQUIRE_EQ(mrpc_set_accept_func(set, accepted), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);

	SECTION("in a request handler");
	fd = start();
	send_three(fd);
	TRACE_WAIT(&trace, 3);
	TRACE_IS(&trace, 1, 50, 1000 + MRPC_DISC_USER);
	PEER_EOF(fd);
	close(fd);
	mrpc_conn_unref(conn);

	SECTION("in a request handler that has released its event");
	release = true;
	fd = start();
	peer_number(fd, 1, nr_test_put, 1);
	TRACE_WAIT(&trace, 3);
	CHECK_EQ(trace.values[0], 1);
	CHECK_EQ(trace.values[1] + trace.values[2], 1050 + MRPC_DISC_USER);
	PEER_EOF(fd);
	close(fd);
	mrpc_conn_unref(conn);

	SECTION("in accept");
	trace_clear(&trace);
	REQUIRE_EQ(mrpc_listen(set, AF_INET, "127.0.0.1", &port), 0);
	fd = peer_connect(port);
	PEER_EOF(fd);
	TRACE_WAIT(&trace, 2);
	TRACE_IS(&trace, 20, 1000 + MRPC_DISC_USER);
	close(fd);
	mrpc_conn_unref(conn);
	mrpc_listen_close(set);
	free(port);

	SECTION("in ioerr");
	fd = start();
	peer_send(fd, 99, MINIRPC_OK, nr_test_client_ping, NULL, 0);
	PEER_EOF(fd);
	TRACE_WAIT(&trace, 2);
	TRACE_IS(&trace, 30, 1000 + MRPC_DISC_USER);
	close(fd);
	mrpc_conn_unref(conn);

	SECTION("in a reply callback");
	fd = start();
	REQUIRE_EQ(test_client_ping_async(conn, replied, NULL), MINIRPC_OK);
	peer_recv(fd, &f);
	free(f.data);
	peer_send(fd, f.seq, MINIRPC_OK, f.cmd, NULL, 0);
	PEER_EOF(fd);
	TRACE_WAIT(&trace, 2);
	TRACE_IS(&trace, 40, 1000 + MRPC_DISC_USER);
	close(fd);
	mrpc_conn_unref(conn);

	SECTION("in disconnect, the peer having gone: 0");
	fd = start();
	close(fd);
	TRACE_WAIT(&trace, 1);
	TRACE_IS(&trace, 1000 + MRPC_DISC_CLOSED);
	mrpc_conn_unref(conn);

	mrpc_conn_set_unref(set);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
