/* PROTO: test.mx */
/*
 * Sync, async and one-way calls from inside every kind of callback: accept,
 * request, message, reply, ioerr, and, to another connection, disconnect.
 */
#include "calls.h"

static struct mrpc_connection *other;   /* lives longer than the others */
static struct mrpc_connection *server_conn;
static struct counter done = COUNTER_INIT, replies = COUNTER_INIT, ticks = COUNTER_INIT;
static struct mrpc_conn_set *server_set, *client_set;
static struct probe other_probe;

static void on_reply(void *data, void *private, mrpc_status_t status, number *reply)
{
	(void)data;
	(void)private;
	CHECK_EQ(status, MINIRPC_OK);
	if (CHECK(reply != NULL))
		CHECK_EQ(*reply, 30);
	counter_add(&replies, 1);
}

/* To the client at the other end of conn. */
static void all_kinds(struct mrpc_connection *conn)
{
	operands in = { 10, 20 };

	client_add_is_right(conn, 1, 2);
	CHECK_EQ(test_client_add_async(conn, on_reply, NULL, &in), MINIRPC_OK);
	CHECK_EQ(test_tick(conn), MINIRPC_OK);
	client_add_is_right(conn, 3, 4);
	counter_add(&done, 1);
}

static mrpc_status_t ping(void *data, struct mrpc_message *msg)
{
	(void)data;
	(void)msg;
	all_kinds(server_conn);
	return MINIRPC_OK;
}

static void poke(void *data, struct mrpc_message *msg)
{
	(void)data;
	(void)msg;
	all_kinds(server_conn);
}

static const struct test_server_operations server_ops = { .ping = ping, .poke = poke };

static void *accepted(void *set_data, struct mrpc_connection *conn, struct sockaddr *from,
		      socklen_t len)
{
	(void)set_data;
	(void)from;
	(void)len;
	server_conn = conn;
	CHECK_EQ(test_server_set_operations(conn, &server_ops), 0);
	all_kinds(conn);
	return NULL;
}

static void ioerr(void *data, char *text)
{
	(void)data;
	(void)text;
	all_kinds(other);
}

static void disconnected(void *data, enum mrpc_disc_reason reason)
{
	(void)reason;
	if (data != NULL) {
		counter_add(&((struct probe *)data)->disconnects, 1);
		return;
	}
	all_kinds(other);
}

static void tick(void *data, struct mrpc_message *msg)
{
	(void)data;
	(void)msg;
	counter_add(&ticks, 1);
}

static const struct test_client_operations client_ops = {
	.client_ping = answer_ping, .client_add = answer_add, .tick = tick
};

static void client_replied(void *data, void *private, mrpc_status_t status)
{
	(void)data;
	(void)private;
	CHECK_EQ(status, MINIRPC_OK);
	all_kinds(server_conn);
}

/* n callbacks have done all they do, and all of it has arrived. */
static void settled(long n)
{
	COUNTER_WAIT(&done, n);
	COUNTER_WAIT(&replies, n);
	COUNTER_WAIT(&ticks, n);
}

int main(void)
{
	struct mrpc_connection *client, *other_client, *bare;
	struct probe client_probe, other_client_probe;
	struct leaks leaks;
	char *port = NULL;
	int fds[2], fd;

	leaks_begin(&leaks);
	probe_init(&client_probe);
	probe_init(&other_client_probe);
	probe_init(&other_probe);
	REQUIRE_EQ(mrpc_conn_set_create(&server_set, test_server, NULL), 0);
	REQUIRE_EQ(mrpc_conn_set_create(&client_set, test_client, NULL), 0);
	probe_watch(client_set);
	REQUIRE_EQ(mrpc_set_accept_func(server_set, accepted), 0);
	REQUIRE_EQ(mrpc_set_ioerr_func(server_set, ioerr), 0);
	REQUIRE_EQ(mrpc_set_disconnect_func(server_set, disconnected), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(server_set), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(client_set), 0);
	REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	REQUIRE_EQ(mrpc_conn_create(&other, server_set, &other_probe), 0);
	REQUIRE_EQ(mrpc_conn_create(&other_client, client_set, &other_client_probe), 0);
	REQUIRE_EQ(test_client_set_operations(other_client, &client_ops), 0);
	REQUIRE_EQ(mrpc_bind_fd(other, fds[0]), 0);
	REQUIRE_EQ(mrpc_bind_fd(other_client, fds[1]), 0);

	SECTION("accept");
	REQUIRE_EQ(mrpc_listen(server_set, AF_INET, "127.0.0.1", &port), 0);
	REQUIRE_EQ(mrpc_conn_create(&client, client_set, &client_probe), 0);
	REQUIRE_EQ(test_client_set_operations(client, &client_ops), 0);
	REQUIRE_EQ(mrpc_connect(client, AF_INET, "127.0.0.1", port), 0);
	settled(1);

	SECTION("request");
	CHECK_EQ(test_ping(client), MINIRPC_OK);
	settled(2);

	SECTION("message");
	CHECK_EQ(test_poke(client), MINIRPC_OK);
	settled(3);

	SECTION("reply");
	CHECK_EQ(test_client_ping_async(server_conn, client_replied, NULL), MINIRPC_OK);
	settled(4);

	SECTION("ioerr and disconnect, to another connection");
	fd = end_add(server_set, &bare, &other_probe, false);
	peer_send(fd, 99, MINIRPC_OK, nr_test_client_ping, NULL, 0);
	settled(5);
	close(fd);
	COUNTER_WAIT(&other_probe.disconnects, 1);
	mrpc_conn_unref(bare);
	CHECK_EQ(mrpc_conn_close(client), 0);
	settled(6);

	mrpc_conn_unref(server_conn);
	mrpc_conn_unref(client);
	CHECK_EQ(mrpc_conn_close(other), 0);
	COUNTER_WAIT(&other_probe.disconnects, 2);
	COUNTER_WAIT(&client_probe.disconnects, 1);
	COUNTER_WAIT(&other_client_probe.disconnects, 1);
	mrpc_conn_unref(other);
	mrpc_conn_unref(other_client);
	mrpc_listen_close(server_set);
	mrpc_conn_set_unref(server_set);
	mrpc_conn_set_unref(client_set);
	free(port);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
