/* PROTO: test.mx */
/* MODES: plain asan (to memcheck, all that threads hold that a child lacks is lost) */
/*
 * In a forked child the parent's sets and connections are dead: calls fail at
 * once, closing and dropping them is local; the parent goes on serving.
 */
#include "child.h"
#include "keep.h"

static struct pair p;

static const struct test_server_operations ops = {
	.ping = answer_ping, .later_void = keep_later_void
};

static void never(void *data, void *private, mrpc_status_t status)
{
	(void)data;
	(void)private;
	(void)status;
	CHILD_CHECK(!"a callback of the parent's connection");
}

static struct counter answered = COUNTER_INIT;

/* In the parent, when all children have gone. */
static void on_kept(void *data, void *private, mrpc_status_t status)
{
	(void)data;
	(void)private;
	CHECK_EQ(status, 9);
	counter_add(&answered, 1);
}

static void calls(void)
{
	operands in = { 1, 2 };
	number n = 1, *out = NULL;

	CHILD_REFUSED(test_ping(p.client));
	CHILD_REFUSED(test_add(p.client, &in, &out));
	CHILD_CHECK(out == NULL);
	CHILD_REFUSED(test_ping_async(p.client, never, NULL));
	CHILD_REFUSED(test_notify(p.client, &n));
	CHILD_REFUSED(test_client_ping(p.server));
	CHILD_REFUSED(test_event(p.server, &n));
	CHILD_REFUSED(test_later_void_send_async_reply(kept[0]));
	CHILD_REFUSED(test_later_void_send_async_reply_error(kept[0], 5));
}

static void settings(void)
{
	struct mrpc_connection *conn = NULL;
	char *port = NULL;
	uint64_t n;
	int fds[2];

	mrpc_set_max_buf_len(p.server_set, 100);
	mrpc_set_accept_backoff(p.server_set, 100);
	mrpc_stop_events(p.server);
	mrpc_start_events(p.server);
	mrpc_conn_get_counter(p.client, MRPC_CONNCTR_SEND_BYTES, &n);
	mrpc_get_event_fd(p.server_set);
	if (mrpc_listen(p.server_set, AF_INET, "127.0.0.1", &port) == 0)
		free(port);
	if (mrpc_conn_create(&conn, p.client_set, NULL) == 0) {
		CHILD_CHECK(mrpc_connect(conn, AF_INET, "127.0.0.1", p.port) != 0 ||
			    test_ping(conn) != MINIRPC_OK);
		mrpc_conn_unref(conn);
	}
	CHILD_CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
	if (mrpc_conn_create(&conn, p.client_set, NULL) == 0) {
		mrpc_bind_fd(conn, fds[0]);
		CHILD_REFUSED(test_ping(conn));
		mrpc_conn_unref(conn);
	}
}

static void dispatching(void)
{
	int result;

	mrpc_dispatcher_add(p.client_set);
	result = mrpc_dispatch(p.client_set, 0);
	CHILD_CHECK(result == ENXIO || result == EAGAIN || result == EPERM || result == EINVAL);
	result = mrpc_dispatch_loop(p.client_set);
	CHILD_CHECK(result != 0);
	mrpc_dispatcher_remove(p.client_set);
	CHILD_CHECK(mrpc_start_dispatch_thread(p.server_set) >= 0);
}

static void ending(void)
{
	int result = mrpc_conn_close(p.client);

	CHILD_CHECK(result == 0 || result == EALREADY || result == EINVAL);
	mrpc_conn_close(p.server);
	mrpc_conn_unref(p.client);
	mrpc_conn_unref(p.server);
	mrpc_listen_close(p.server_set);
	mrpc_conn_set_unref(p.client_set);
	mrpc_conn_set_unref(p.server_set);
}

/* Forks a child that does something; then the parent is as it was. */
static void child_does(const char *what, void (*something)(void))
{
	struct mrpc_connection *conn;
	struct probe probe;
	pid_t child;
	long accepted;
	int i;

	SECTION("the child: %s", what);
	child = child_fork();
	if (child == 0) {
		something();
		child_exit();
	}
	CHILD_WAIT(child);

	SECTION("the parent afterwards: calls both ways, new connections");
	for (i = 0; i < 20; i++)
		PROMPT(CHECK_EQ(test_ping(p.client), MINIRPC_OK));
	CHECK_EQ(test_client_ping(p.server), MINIRPC_OK);
	accepted = counter_get(&p.accepted);
	probe_init(&probe);
	REQUIRE_EQ(mrpc_conn_create(&conn, p.client_set, &probe), 0);
	REQUIRE_EQ(mrpc_connect(conn, AF_INET, "127.0.0.1", p.port), 0);
	COUNTER_WAIT(&p.accepted, accepted + 1);
	CHECK_EQ(mrpc_conn_close(conn), 0);
	COUNTER_WAIT(&probe.disconnects, 1);
	mrpc_conn_unref(conn);
	CHECK_EQ(counter_get(&p.client_probe.disconnects), 0);
}

/* The first of the pair is p.server; the others leave by themselves. */
static void *on_accept(void *set_data, struct mrpc_connection *conn, struct sockaddr *from,
		       socklen_t len)
{
	static struct probe others;

	(void)set_data;
	(void)from;
	(void)len;
	if (counter_get(&others.ioerrs) == 0)
		probe_init(&others);
	counter_add(&p.accepted, 1);
	mrpc_conn_unref(conn);
	return &others;
}

int main(void)
{
	static const struct test_client_operations client_ops = { .client_ping = answer_ping };
	struct leaks leaks;
	number n = 1;

	leaks_begin(&leaks);
	pair_open(&p, PAIR_TCP, test_client, test_server);
	REQUIRE_EQ(mrpc_set_accept_func(p.server_set, on_accept), 0);
	REQUIRE_EQ(test_server_set_operations(p.server, &ops), 0);
	REQUIRE_EQ(test_client_set_operations(p.client, &client_ops), 0);
	REQUIRE_EQ(test_later_void_async(p.client, on_kept, NULL, &n), MINIRPC_OK);
	COUNTER_WAIT(&keeps, 1);

	child_does("calls, and replies", calls);
	child_does("changes settings, connects, listens, binds", settings);
	child_does("dispatches", dispatching);
	child_does("closes and drops all", ending);

	SECTION("the request kept across all of it can still be replied to");
	CHECK_EQ(counter_get(&answered), 0);
	CHECK_EQ(test_later_void_send_async_reply_error(kept[0], 9), MINIRPC_OK);
	COUNTER_WAIT(&answered, 1);
	pair_close(&p);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
