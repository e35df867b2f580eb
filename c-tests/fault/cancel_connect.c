/* PROTO: test.mx */
/* MODES: plain (what a cancelled thread held may be lost) */
/* TIMEOUT: 60 */
/*
 * pthread_cancel of a thread in mrpc_connect to a host that does not answer: its
 * set goes on connecting, calling and dispatching, and can be destroyed.
 */
#include "cancel.h"

enum { FILL = 16 };

struct attempt {
	struct mrpc_connection *conn;
	const char *port;
};

static void connect_there(void *arg)
{
	struct attempt *a = arg;

	mrpc_connect(a->conn, AF_INET, "127.0.0.1", a->port);
}

/* A listener that takes nobody more: its backlog is full. */
static int listen_full(char port[8], int fds[FILL])
{
	struct sockaddr_in addr;
	socklen_t len = sizeof(addr);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), i;

	REQUIRE(listener >= 0);
	memset(&addr, 0, sizeof(addr));
	addr.sin_family = AF_INET;
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	REQUIRE_EQ(bind(listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
	REQUIRE_EQ(listen(listener, 0), 0);
	REQUIRE_EQ(getsockname(listener, (struct sockaddr *)&addr, &len), 0);
	snprintf(port, 8, "%d", ntohs(addr.sin_port));
	for (i = 0; i < FILL; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		REQUIRE(fds[i] >= 0);
		connect(fds[i], (struct sockaddr *)&addr, sizeof(addr));
	}
	return listener;
}

/* A connection of the set is made, used, and ended. */
static void connect_here(struct mrpc_conn_set *set)
{
	struct mrpc_connection *conn;
	struct probe probe;
	int i;

	probe_init(&probe);
	REQUIRE_EQ(mrpc_conn_create(&conn, set, &probe), 0);
	REQUIRE_EQ(PROMPT(mrpc_connect(conn, AF_INET, "127.0.0.1", server.port)), 0);
	for (i = 0; i < 20; i++)
		CHECK_EQ(PROMPT(test_ping(conn)), MINIRPC_OK);
	CHECK_EQ(mrpc_conn_close(conn), 0);
	COUNTER_WAIT(&probe.disconnects, 1);
	mrpc_conn_unref(conn);
}

static void run(bool unref_first)
{
	struct mrpc_conn_set *set;
	struct attempt attempt;
	struct waiter waiter;
	struct probe probe;
	int listener, fds[FILL], i;
	char port[8];

	server_start(1);
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_client, NULL), 0);
	probe_watch(set);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	connect_here(set);
	listener = listen_full(port, fds);
	probe_init(&probe);
	REQUIRE_EQ(mrpc_conn_create(&attempt.conn, set, &probe), 0);
	attempt.port = port;
	waiter_start(&waiter, connect_there, &attempt);
	waiter_cancel(&waiter);
	connect_here(set);
	if (unref_first)
		mrpc_conn_set_unref(set);
	/* Nobody listens there any more: its next attempt is refused. */
	close(listener);
	for (i = 0; i < FILL; i++)
		close(fds[i]);
	waiter_join(&waiter);
	if (!unref_first)
		connect_here(set);
	mrpc_conn_unref(attempt.conn);
	if (!unref_first)
		mrpc_conn_set_unref(set);
	server_stop();
}

int main(void)
{
	struct leaks leaks;

	leaks_begin(&leaks);
	SECTION("others connect meanwhile and afterwards");
	run(false);
	LEAKS_CHECK(&leaks);
	SECTION("the set is given up meanwhile");
	run(true);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
