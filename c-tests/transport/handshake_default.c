/* PROTO: test.mx */
/* NEEDS: additions */
/* TIMEOUT: 60 */
/*
 * A handshake whose peer stays silent, where no time for connecting was set: it ends after ten
 * seconds, and not before; accepted, connected with and without waiting, and bound.
 */
#include "xor.h"
#include "../connect/attempt.h"

#include "test_server.h"

enum { LIMIT = 10000, TARDY = 8000 };

static struct mrpc_conn_set *clients, *servers;
static char silent[8];
static int64_t begun;

static void *accepted(void *data, struct mrpc_connection *conn, struct sockaddr *from, socklen_t len)
{
	(void)conn;
	(void)from;
	(void)len;
	CHECK(!"accepted");
	return data;
}

static void on_time(const char *what)
{
	int64_t took = now_ms() - begun;

	CHECK_MSG(took >= LIMIT && took <= LIMIT + scaled(TARDY), "%s ended after %lld ms", what,
		  (long long)took);
}

static void *connect_and_wait(void *arg)
{
	struct mrpc_connection *conn;
	struct probe probe;

	(void)arg;
	probe_init(&probe);
	REQUIRE_EQ(mrpc_conn_create(&conn, clients, &probe), 0);
	CHECK_EQ(mrpc_connect(conn, AF_INET, "127.0.0.1", silent), ETIMEDOUT);
	on_time("mrpc_connect");
	mrpc_conn_unref(conn);
	return NULL;
}

int main(void)
{
	int listener = peer_listen(silent), fd, fds[2];
	struct mrpc_connection *bound;
	struct probe probe;
	struct leaks leaks;
	struct attempt a;
	pthread_t thread;
	char *port = NULL, byte;

	leaks_begin(&leaks);
	REQUIRE_EQ(mrpc_conn_set_create(&servers, test_server, NULL), 0);
	REQUIRE_EQ(mrpc_set_accept_func(servers, accepted), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(servers), 0);
	clients = client_open();
	xor_set(clients, false);
	xor_set(servers, true);
	REQUIRE_EQ(mrpc_listen(servers, AF_INET, "127.0.0.1", &port), 0);

	SECTION("four of them at once");
	begun = now_ms();
	fd = peer_connect(port);
	thread = thread_start(connect_and_wait, NULL);
	attempt_init(&a, clients);
	CHECK_EQ(attempt_tcp(&a, silent), 0);
	probe_init(&probe);
	REQUIRE_EQ(mrpc_conn_create(&bound, clients, &probe), 0);
	REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	REQUIRE_EQ(mrpc_bind_fd(bound, fds[0]), 0);

	WAIT_FOR_MS(counter_get(&a.told) == 1, LIMIT + TARDY);
	on_time("mrpc_connect_async");
	CHECK_EQ(a.error, ETIMEDOUT);
	CHECK_EQ(recv(fd, &byte, 1, 0), 0);
	on_time("the accepted one");
	thread_join(thread);
	WAIT_FOR_MS(counter_get(&probe.disconnects) == 1, LIMIT + TARDY);
	on_time("the bound one");
	CHECK_EQ(counter_get(&probe.ioerrs), 1);

	SECTION("nothing is left");
	mrpc_conn_unref(a.conn);
	mrpc_conn_unref(bound);
	close(fd);
	close(fds[1]);
	mrpc_conn_set_unref(clients);
	mrpc_listen_close(servers);
	mrpc_conn_set_unref(servers);
	free(port);
	LEAKS_CHECK(&leaks);
	close(listener);
	return tap_done();
}
