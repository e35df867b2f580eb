/* PROTO: test.mx */
/*
 * A server that forks for each client before it has called the library, as do
 * the clients: a handshake on the bare sockets, then two sets in each process,
 * one for calls and one for messages, with a dispatch thread each.
 */
#include "apps.h"

enum { CLIENTS = 3, CALLS = 50 };

static struct mrpc_connection *data_conn;
static struct counter events = COUNTER_INIT, ends = COUNTER_INIT;

/* Each call is answered by a message on the other channel, too. */
static mrpc_status_t put(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	return test_event(data_conn, in);
}

static void event(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	counter_add(&events, *in);
}

static void disconnected(void *data, enum mrpc_disc_reason reason)
{
	(void)data;
	(void)reason;
	counter_add(&ends, 1);
}

static const struct test_server_operations server_ops = { .put = put, .add = answer_add };
static const struct test_client_operations client_ops = { .event = event };

static struct mrpc_connection *channel(const struct mrpc_protocol *protocol, int fd)
{
	struct mrpc_conn_set *set;
	struct mrpc_connection *conn;

	REQUIRE_EQ(mrpc_conn_set_create(&set, protocol, NULL), 0);
	REQUIRE_EQ(mrpc_set_disconnect_func(set, disconnected), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	REQUIRE_EQ(mrpc_conn_create(&conn, set, NULL), 0);
	if (protocol == test_server)
		CHECK_EQ(test_server_set_operations(conn, &server_ops), 0);
	else
		CHECK_EQ(test_client_set_operations(conn, &client_ops), 0);
	REQUIRE_EQ(mrpc_bind_fd(conn, fd), 0);
	mrpc_conn_set_unref(set);
	return conn;
}

static int serve(void *arg)
{
	int *fds = arg;
	struct mrpc_connection *control;
	struct leaks leaks;
	char nonce;

	leaks_begin(&leaks);
	REQUIRE(peer_read(fds[0], &nonce, 1));
	peer_write(fds[1], &nonce, 1);
	data_conn = channel(test_server, fds[1]);
	control = channel(test_server, fds[0]);
	COUNTER_WAIT(&ends, 2);
	mrpc_conn_unref(control);
	mrpc_conn_unref(data_conn);
	leaks.fds -= 2;
	return LEAKS_CHECK(&leaks) ? 40 : 1;
}

static int ask(void *arg)
{
	const char *port = arg;
	struct mrpc_connection *control, *data;
	int fds[2] = { peer_connect(port), peer_connect(port) }, i;
	char nonce = 'n', back = 0;

	peer_write(fds[0], &nonce, 1);
	REQUIRE(peer_read(fds[1], &back, 1));
	if (back != nonce)
		return 2;
	data = channel(test_client, fds[1]);
	control = channel(test_client, fds[0]);
	for (i = 0; i < CALLS; i++) {
		number one = 1, *sum = NULL;
		operands in = { i, 3 };

		if (test_put(control, &one) != MINIRPC_OK)
			return 3;
		if (test_add(control, &in, &sum) != MINIRPC_OK || *sum != i + 3)
			return 4;
		free_number(sum, 1);
	}
	COUNTER_WAIT(&events, CALLS);
	mrpc_conn_close(control);
	mrpc_conn_close(data);
	mrpc_conn_unref(control);
	mrpc_conn_unref(data);
	COUNTER_WAIT(&ends, 2);
	return counter_get(&events) == CALLS ? 41 : 5;
}

int main(void)
{
	pid_t servers[CLIENTS], clients[CLIENTS];
	char port[8];
	int listener = peer_listen(port), i, fds[2];

	for (i = 0; i < CLIENTS; i++) {
		SECTION("client %d", i);
		clients[i] = child_start(ask, port);
		fds[0] = peer_accept(listener);
		fds[1] = peer_accept(listener);
		servers[i] = child_start(serve, fds);
		close(fds[0]);
		close(fds[1]);
	}
	for (i = 0; i < CLIENTS; i++) {
		CHECK_EQ(child_wait(clients[i]), 41);
		CHECK_EQ(child_wait(servers[i]), 40);
	}

	SECTION("then the parent itself");
	clients[0] = child_start(ask, port);
	fds[0] = peer_accept(listener);
	fds[1] = peer_accept(listener);
	CHECK_EQ(serve(fds), 40);
	CHECK_EQ(child_wait(clients[0]), 41);
	close(listener);
	return tap_done();
}
