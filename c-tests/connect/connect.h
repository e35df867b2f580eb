/* For the tests of connecting: a server that answers add and ping. */
#ifndef CONNECT_H
#define CONNECT_H

#include "handlers.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include "test_client.h"

#define UNUSED __attribute__((unused))

struct place {
	struct mrpc_conn_set *set;
	struct counter accepted, disconnects;
};

static const struct test_server_operations place_ops = { .add = answer_add, .ping = answer_ping };

static void *place_accept(void *set_data, struct mrpc_connection *conn,
			  struct sockaddr *from, socklen_t from_len)
{
	struct place *p = set_data;

	(void)from;
	(void)from_len;
	CHECK_EQ(test_server_set_operations(conn, &place_ops), 0);
	mrpc_conn_unref(conn);
	counter_add(&p->accepted, 1);
	return p;
}

static void place_disconnect(void *conn_data, enum mrpc_disc_reason reason)
{
	struct place *p = conn_data;

	(void)reason;
	counter_add(&p->disconnects, 1);
}

/* A server's set with a dispatch thread, that does not listen yet. */
UNUSED static void place_open(struct place *p)
{
	counter_init(&p->accepted);
	counter_init(&p->disconnects);
	REQUIRE_EQ(mrpc_conn_set_create(&p->set, test_server, p), 0);
	REQUIRE_EQ(mrpc_set_accept_func(p->set, place_accept), 0);
	REQUIRE_EQ(mrpc_set_disconnect_func(p->set, place_disconnect), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(p->set), 0);
}

UNUSED static void place_close(struct place *p)
{
	mrpc_listen_close(p->set);
	mrpc_conn_set_unref(p->set);
}

UNUSED static int place_listen_unix(struct place *p, const char *path)
{
	char *service = NULL;
	int result = mrpc_listen(p->set, AF_UNIX, path, &service);

	CHECK_PTR(service, NULL);
	return result;
}

/* A client's set with a dispatch thread, whose cookies are probes. */
UNUSED static struct mrpc_conn_set *client_open(void)
{
	struct mrpc_conn_set *set;

	REQUIRE_EQ(mrpc_conn_set_create(&set, test_client, NULL), 0);
	probe_watch(set);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	return set;
}

/* A connection answers. */
UNUSED static void use(struct mrpc_connection *conn)
{
	operands in = { 40, 2 };
	number *out = NULL;

	if (CHECK_EQ(test_add(conn, &in, &out), MINIRPC_OK))
		CHECK_EQ(*out, 42);
	free_number(out, 1);
}

/* Connects, uses the connection, ends it; what mrpc_connect returned. */
UNUSED static int visit(struct mrpc_conn_set *set, int family, const char *host,
			const char *service)
{
	struct mrpc_connection *conn;
	struct probe probe;
	int result;

	probe_init(&probe);
	REQUIRE_EQ(mrpc_conn_create(&conn, set, &probe), 0);
	result = mrpc_connect(conn, family, host, service);
	if (result == 0) {
		use(conn);
		CHECK_EQ(mrpc_conn_close(conn), 0);
		COUNTER_WAIT(&probe.disconnects, 1);
	}
	mrpc_conn_unref(conn);
	return result;
}

/* A listener on loopback that answers nobody more: its backlog is full. */
enum { FULL_CLIENTS = 16 };
struct full {
	int listener, clients[FULL_CLIENTS];
	char port[8];
};

UNUSED static void full_open(struct full *f)
{
	struct sockaddr_in addr;
	socklen_t len = sizeof(addr);
	int i;

	f->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	REQUIRE(f->listener >= 0);
	memset(&addr, 0, sizeof(addr));
	addr.sin_family = AF_INET;
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	REQUIRE_EQ(bind(f->listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
	REQUIRE_EQ(listen(f->listener, 0), 0);
	REQUIRE_EQ(getsockname(f->listener, (struct sockaddr *)&addr, &len), 0);
	snprintf(f->port, sizeof(f->port), "%d", ntohs(addr.sin_port));
	for (i = 0; i < FULL_CLIENTS; i++) {
		f->clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		REQUIRE(f->clients[i] >= 0);
		connect(f->clients[i], (struct sockaddr *)&addr, sizeof(addr));
	}
}

UNUSED static void full_close(struct full *f)
{
	int i;

	close(f->listener);
	for (i = 0; i < FULL_CLIENTS; i++)
		close(f->clients[i]);
}

UNUSED static bool error_is(struct mrpc_connection *conn, const char *wanted)
{
	char words[200];

	CHECK_EQ(mrpc_conn_get_error(conn, words, sizeof(words)), 0);
	return CHECK_STR(words, wanted);
}

#endif
