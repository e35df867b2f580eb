/* PROTO: test.mx */
/* NEEDS: additions */
/*
 * mrpc_drain: what it returns at once; that nothing new comes into the set from then
 * on; not in a handler, nor by two threads at a time.
 */
#include "drain.h"

static int in_handler = -1;

static mrpc_status_t put(void *data, struct mrpc_message *msg, number *in)
{
	struct probe *p = data;

	(void)msg;
	(void)in;
	in_handler = mrpc_drain(p->user, 1000);
	return MINIRPC_OK;
}

static const struct test_server_operations ops = { .put = put, .ping = drain_hold };

static void check_shut(struct mrpc_conn_set *set, bool server)
{
	struct mrpc_connection *conn;
	char *port = NULL, text[100], number[8];
	int fds[2], listener;

	if (server) {
		CHECK_EQ(mrpc_listen(set, AF_INET, "127.0.0.1", &port), ESHUTDOWN);
		CHECK_PTR(port, NULL);
		listener = peer_listen(number);
		CHECK_EQ(mrpc_listen_fd(set, listener), ESHUTDOWN);
		CHECK_EQ(close(listener), 0);
	}
	REQUIRE_EQ(mrpc_conn_create(&conn, set, NULL), 0);
	if (!server)
		CHECK_EQ(mrpc_connect(conn, AF_INET, "127.0.0.1", "1"), ESHUTDOWN);
	REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	CHECK_EQ(mrpc_bind_fd(conn, fds[0]), ESHUTDOWN);
	CHECK_EQ(mrpc_conn_get_error(conn, text, sizeof(text)), 0);
	CHECK(strstr(text, "drained") != NULL);
	CHECK_EQ(close(fds[0]), 0);
	CHECK_EQ(close(fds[1]), 0);
	mrpc_conn_unref(conn);
}

static void check_refused(const char *port)
{
	struct mrpc_conn_set *set;
	struct mrpc_connection *conn;

	REQUIRE_EQ(mrpc_conn_set_create(&set, test_client, NULL), 0);
	REQUIRE_EQ(mrpc_conn_create(&conn, set, NULL), 0);
	CHECK_EQ(mrpc_connect(conn, AF_INET, "127.0.0.1", port), ECONNREFUSED);
	mrpc_conn_unref(conn);
	mrpc_conn_set_unref(set);
}

static void empty(bool server)
{
	struct mrpc_conn_set *set;
	char *port = NULL;
	int i;

	SECTION("a %s's set without connections: 0, each time", server ? "server" : "client");
	REQUIRE_EQ(mrpc_conn_set_create(&set, server ? test_server : test_client, NULL), 0);
	if (server) {
		REQUIRE_EQ(mrpc_set_accept_func(set, drain_accept), 0);
		REQUIRE_EQ(mrpc_listen(set, AF_INET, "127.0.0.1", &port), 0);
	}
	for (i = 0; i < 3; i++)
		CHECK_EQ(PROMPT(mrpc_drain(set, i * 1000)), 0);
	if (server)
		check_refused(port);
	free(port);
	check_shut(set, server);
	mrpc_conn_set_unref(set);
}

int main(void)
{
	struct leaks leaks;
	struct drain d;
	struct end e;

	leaks_begin(&leaks);
	SECTION("no set");
	CHECK_EQ(mrpc_drain(NULL, 0), EINVAL);
	empty(true);
	empty(false);

	SECTION("in a handler: EDEADLK");
	end_open_server(&e, &ops, 2);
	REQUIRE_EQ(mrpc_set_accept_func(e.set, drain_accept), 0);
	e.probe.user = e.set;
	peer_number(e.fd, 1, nr_test_put, 5);
	PEER_EXPECT(e.fd, 1, MINIRPC_OK, nr_test_put, NULL, 0);
	CHECK_EQ(in_handler, EDEADLK);

	SECTION("while one runs: EALREADY");
	peer_send(e.fd, 2, PENDING, nr_test_ping, NULL, 0);
	COUNTER_WAIT(&held, 1);
	drain_start(&d, e.set, 0);
	CHECK_EQ(PROMPT(mrpc_drain(e.set, 1000)), EALREADY);
	counter_add(&go, 1);
	PEER_EXPECT(e.fd, 2, MINIRPC_OK, nr_test_ping, NULL, 0);
	PEER_EOF(e.fd);
	close(e.fd);
	e.fd = -1;
	CHECK_EQ(drain_join(&d), 0);
	CHECK_EQ(PROMPT(mrpc_drain(e.set, 1000)), 0);
	end_close(&e);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
