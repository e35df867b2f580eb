/* PROTO: test.mx */
/* NEEDS: additions */
/* The handshake is part of connecting, for whoever connects, however it ends. */
#include "xor.h"
#include "../connect/attempt.h"

#include "test_server.h"

static struct mrpc_conn_set *client_set, *server_set;
static char *port;
static struct counter accepted = COUNTER_INIT, traced = COUNTER_INIT;
static struct probe server_probe, client_probe;
static char trace_text[256];             /* under trace_lock: two threads may tell at once */
static pthread_mutex_t trace_lock = PTHREAD_MUTEX_INITIALIZER;

static void *note_accept(void *data, struct mrpc_connection *conn, struct sockaddr *from,
			 socklen_t len)
{
	(void)data;
	(void)from;
	(void)len;
	mrpc_conn_unref(conn);
	counter_add(&accepted, 1);
	return &server_probe;
}

static void note_trace(void *data, const struct mrpc_trace_event *event)
{
	(void)data;
	if (event->kind != MRPC_TRACE_ERROR)
		return;
	pthread_mutex_lock(&trace_lock);
	snprintf(trace_text, sizeof(trace_text), "%s", event->text);
	pthread_mutex_unlock(&trace_lock);
	counter_add(&traced, 1);
}

static uint64_t failed(struct mrpc_conn_set *set)
{
	struct mrpc_set_stats stats = { .size = sizeof(stats) };

	CHECK_EQ(mrpc_get_stats(set, &stats), 0);
	return stats.handshakes_failed;
}

static struct mrpc_connection *connect_now(int expected, const char *text)
{
	struct mrpc_connection *conn;
	char why[256];

	REQUIRE_EQ(mrpc_conn_create(&conn, client_set, &client_probe), 0);
	CHECK_EQ(mrpc_connect(conn, AF_INET, "127.0.0.1", port), expected);
	CHECK_EQ(mrpc_conn_get_error(conn, why, sizeof(why)), 0);
	CHECK_MSG(strstr(why, text) != NULL, "the reason is \"%s\", not \"%s\"", why, text);
	return conn;
}

static void connect_async(int expected)
{
	struct attempt a;

	attempt_init(&a, client_set);
	CHECK_EQ(attempt_tcp(&a, port), 0);
	COUNTER_WAIT(&a.told, 1);
	CHECK_EQ(a.error, expected);
	if (expected == 0) {
		CHECK_EQ(test_ping(a.conn), MINIRPC_PROCEDURE_UNAVAIL);
	} else {
		/* The handle can be used again. */
		bool refuses = atomic_exchange(&xor_world.refuses, false);
		bool silent = atomic_exchange(&xor_world.silent, false);
		int open_error = atomic_exchange(&xor_world.open_error, 0);

		CHECK_EQ(mrpc_connect(a.conn, AF_INET, "127.0.0.1", port), 0);
		xor_world.refuses = refuses;
		xor_world.silent = silent;
		xor_world.open_error = open_error;
	}
	attempt_end(&a);
}

/* More than can be taken in at a time, until nobody listens. */
static void *talk(void *fd)
{
	static char words[1 << 20];
	size_t i;

	for (i = 0; i < sizeof(words); i += 2) {
		words[i] = ESCAPE ^ KEY;
		words[i + 1] = ANSWER ^ KEY;
	}
	while (send(*(int *)fd, words, sizeof(words), MSG_NOSIGNAL) > 0)
		;
	return NULL;
}

int main(void)
{
	pthread_t talker;
	struct mrpc_connection *conn;
	struct leaks leaks;
	struct attempt a;
	long opened;
	char byte;
	int i, fd;

	leaks_begin(&leaks);
	probe_init(&server_probe);
	probe_init(&client_probe);
	REQUIRE_EQ(mrpc_conn_set_create(&client_set, test_client, NULL), 0);
	REQUIRE_EQ(mrpc_conn_set_create(&server_set, test_server, NULL), 0);
	probe_watch(client_set);
	probe_watch(server_set);
	xor_set(client_set, false);
	xor_set(server_set, true);
	REQUIRE_EQ(mrpc_set_trace_func(server_set, note_trace, NULL), 0);
	REQUIRE_EQ(mrpc_set_accept_func(server_set, note_accept), 0);
	REQUIRE_EQ(mrpc_listen(server_set, AF_INET, "127.0.0.1", &port), 0);
	for (i = 0; i < 2; i++) {
		REQUIRE_EQ(mrpc_start_dispatch_thread(client_set), 0);
		REQUIRE_EQ(mrpc_start_dispatch_thread(server_set), 0);
	}

	SECTION("accept and connect come after it");
	conn = connect_now(0, "");
	COUNTER_WAIT(&accepted, 1);
	CHECK_EQ(test_ping(conn), MINIRPC_PROCEDURE_UNAVAIL);
	CHECK_EQ(mrpc_conn_close(conn), 0);
	mrpc_conn_unref(conn);
	connect_async(0);
	COUNTER_WAIT(&accepted, 2);
	CHECK_EQ(failed(server_set), 0);

	SECTION("a refusal arrives, is counted and traced, and nobody is accepted");
	xor_world.refuses = true;
	conn = connect_now(EPROTO, "these bytes are not ours");
	CHECK_EQ(mrpc_connect(conn, AF_INET, "127.0.0.1", port), EPROTO);
	xor_world.refuses = false;
	CHECK_EQ(mrpc_connect(conn, AF_INET, "127.0.0.1", port), 0);
	CHECK_EQ(mrpc_conn_close(conn), 0);
	mrpc_conn_unref(conn);
	xor_world.refuses = true;
	connect_async(EPROTO);
	xor_world.refuses = false;
	WAIT_FOR(failed(server_set) == 3);
	COUNTER_WAIT(&traced, 3);
	pthread_mutex_lock(&trace_lock);
	CHECK_MSG(strstr(trace_text, "not ours") != NULL, "traced: %s", trace_text);
	pthread_mutex_unlock(&trace_lock);
	COUNTER_WAIT(&accepted, 4);

	SECTION("what cannot be opened says why, before a byte is sent");
	xor_world.open_error = EDESTADDRREQ;
	mrpc_conn_unref(connect_now(EDESTADDRREQ, "it does not open"));
	connect_async(EDESTADDRREQ);
	xor_world.open_error = 0;
	COUNTER_WAIT(&accepted, 5);

	SECTION("a peer that says nothing: the time of connecting ends, on both sides");
	xor_world.silent = true;
	REQUIRE_EQ(mrpc_set_connect_timeout(client_set, 300), 0);
	REQUIRE_EQ(mrpc_set_connect_timeout(server_set, 1500), 0);
	i = (int)failed(server_set);
	mrpc_conn_unref(connect_now(ETIMEDOUT, "not complete within 300 ms"));
	connect_async(ETIMEDOUT);
	xor_world.silent = false;
	fd = peer_connect(port);
	CHECK_EQ(recv(fd, &byte, 1, 0), 0);
	close(fd);
	WAIT_FOR(failed(server_set) == (uint64_t)i + 3);
	REQUIRE_EQ(mrpc_set_connect_timeout(client_set, 0), 0);
	REQUIRE_EQ(mrpc_set_connect_timeout(server_set, 0), 0);

	SECTION("closed in the midst of it: the callback is told so");
	xor_world.silent = true;
	i = (int)failed(server_set);
	opened = xor_world.opened;
	attempt_init(&a, client_set);
	CHECK_EQ(attempt_tcp(&a, port), 0);
	WAIT_FOR(xor_world.opened >= opened + 2);
	CHECK_EQ(mrpc_conn_close(a.conn), 0);
	COUNTER_WAIT(&a.told, 1);
	CHECK_EQ(a.error, ECANCELED);
	mrpc_conn_unref(a.conn);
	WAIT_FOR(failed(server_set) == (uint64_t)i + 1);
	xor_world.silent = false;

	SECTION("peers that end it, or speak otherwise");
	i = (int)failed(server_set);
	fd = peer_connect(port);
	close(fd);
	WAIT_FOR(failed(server_set) == (uint64_t)i + 1);
	fd = peer_connect(port);
	peer_send(fd, 1, MINIRPC_PENDING, 1, NULL, 0);
	CHECK(recv(fd, &byte, 1, 0) <= 1);
	WAIT_FOR(failed(server_set) == (uint64_t)i + 2);
	close(fd);

	SECTION("a peer that goes on for ever, and comes to no end, has no more time than others");
	xor_world.silent = true;
	REQUIRE_EQ(mrpc_set_connect_timeout(server_set, 300), 0);
	i = (int)failed(server_set);
	fd = peer_connect(port);
	talker = thread_start(talk, &fd);
	WAIT_FOR(failed(server_set) == (uint64_t)i + 1);
	thread_join(talker);
	close(fd);
	REQUIRE_EQ(mrpc_set_connect_timeout(server_set, 0), 0);
	xor_world.silent = false;

	SECTION("handshakes count as connections");
	REQUIRE_EQ(mrpc_set_max_connections(server_set, 1), 0);
	WAIT_FOR(({
		struct mrpc_set_stats stats = { .size = sizeof(stats) };

		mrpc_get_stats(server_set, &stats);
		stats.connections == 0;
	}));
	opened = xor_world.opened;
	fd = peer_connect(port);
	WAIT_FOR(xor_world.opened == opened + 1);
	REQUIRE_EQ(mrpc_set_connect_timeout(client_set, 200), 0);
	conn = connect_now(ETIMEDOUT, "");
	close(fd);
	REQUIRE_EQ(mrpc_set_connect_timeout(client_set, 0), 0);
	CHECK_EQ(mrpc_connect(conn, AF_INET, "127.0.0.1", port), 0);
	CHECK_EQ(mrpc_conn_close(conn), 0);
	mrpc_conn_unref(conn);
	REQUIRE_EQ(mrpc_set_max_connections(server_set, 0), 0);

	SECTION("a drain ends those under way");
	/* Not the time of connecting. */
	REQUIRE_EQ(mrpc_set_connect_timeout(server_set, 1000 * 1000), 0);
	opened = xor_world.opened;
	fd = peer_connect(port);
	WAIT_FOR(xor_world.opened == opened + 1);
	CHECK_EQ(mrpc_drain(server_set, 5000), 0);
	PEER_EOF(fd);
	close(fd);

	mrpc_conn_set_unref(client_set);
	mrpc_conn_set_unref(server_set);
	free(port);
	LEAKS_CHECK(&leaks);
	CHECK_EQ(xor_world.freed, xor_world.opened);
	return tap_done();
}
