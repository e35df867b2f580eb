#define _GNU_SOURCE
#include "harness.h"

#include <sys/socket.h>

void (*pair_transport)(struct mrpc_conn_set *set, bool server);

void probe_init(struct probe *p)
{
	memset(p, 0, sizeof(*p));
	counter_init(&p->ioerrs);
	counter_init(&p->disconnects);
}

/* Several connections may have the same probe. */
static void note_ioerr(void *conn_data, char *message)
{
	struct probe *p = conn_data;

	pthread_mutex_lock(&p->ioerrs.lock);
	snprintf(p->text, sizeof(p->text), "%s", message);
	p->ioerrs.n++;
	pthread_cond_broadcast(&p->ioerrs.changed);
	pthread_mutex_unlock(&p->ioerrs.lock);
}

static void note_disconnect(void *conn_data, enum mrpc_disc_reason reason)
{
	struct probe *p = conn_data;

	pthread_mutex_lock(&p->disconnects.lock);
	p->reason = reason;
	p->disconnects.n++;
	pthread_cond_broadcast(&p->disconnects.changed);
	pthread_mutex_unlock(&p->disconnects.lock);
}

void probe_watch(struct mrpc_conn_set *set)
{
	REQUIRE_EQ(mrpc_set_ioerr_func(set, note_ioerr), 0);
	REQUIRE_EQ(mrpc_set_disconnect_func(set, note_disconnect), 0);
}

static void *note_accept(void *set_data, struct mrpc_connection *conn,
			 struct sockaddr *from, socklen_t from_len)
{
	struct pair *p = set_data;

	(void)from;
	(void)from_len;
	p->server = conn;
	counter_add(&p->accepted, 1);
	return &p->server_probe;
}

static void open_tcp(struct pair *p, int kind)
{
	int family = (kind & PAIR_KIND) == PAIR_TCP6 ? AF_INET6 : AF_INET;
	const char *host = family == AF_INET6 ? "::1" : "127.0.0.1";

	REQUIRE_EQ(mrpc_set_accept_func(p->server_set, note_accept), 0);
	REQUIRE_EQ(mrpc_listen(p->server_set, family, host, &p->port), 0);
	REQUIRE_EQ(mrpc_connect(p->client, family, host, p->port), 0);
	if (kind & PAIR_NO_SERVER_DISPATCH) {
		mrpc_dispatcher_add(p->server_set);
		DISPATCH_UNTIL(p->server_set, counter_get(&p->accepted) > 0);
		mrpc_dispatcher_remove(p->server_set);
	}
	REQUIRE(COUNTER_WAIT(&p->accepted, 1));
}

static void open_socketpair(struct pair *p)
{
	int fds[2];

	REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	REQUIRE_EQ(mrpc_conn_create(&p->server, p->server_set, &p->server_probe), 0);
	REQUIRE_EQ(mrpc_bind_fd(p->server, fds[0]), 0);
	REQUIRE_EQ(mrpc_bind_fd(p->client, fds[1]), 0);
}

void pair_open(struct pair *p, int kind, const struct mrpc_protocol *client,
	       const struct mrpc_protocol *server)
{
	memset(p, 0, sizeof(*p));
	probe_init(&p->client_probe);
	probe_init(&p->server_probe);
	counter_init(&p->accepted);
	REQUIRE_EQ(mrpc_conn_set_create(&p->client_set, client, p), 0);
	REQUIRE_EQ(mrpc_conn_set_create(&p->server_set, server, p), 0);
	probe_watch(p->client_set);
	probe_watch(p->server_set);
	if (pair_transport != NULL) {
		pair_transport(p->client_set, false);
		pair_transport(p->server_set, true);
	}
	if (!(kind & PAIR_NO_CLIENT_DISPATCH))
		REQUIRE_EQ(mrpc_start_dispatch_thread(p->client_set), 0);
	if (!(kind & PAIR_NO_SERVER_DISPATCH))
		REQUIRE_EQ(mrpc_start_dispatch_thread(p->server_set), 0);
	REQUIRE_EQ(mrpc_conn_create(&p->client, p->client_set, &p->client_probe), 0);
	if ((kind & PAIR_KIND) == PAIR_SOCKETPAIR)
		open_socketpair(p);
	else
		open_tcp(p, kind);
}

/* Harmless where a dispatch thread does the same. */
static void await_disconnect(struct mrpc_conn_set *set, struct probe *probe)
{
	mrpc_dispatcher_add(set);
	DISPATCH_UNTIL(set, counter_get(&probe->disconnects) > 0);
	mrpc_dispatcher_remove(set);
}

void pair_close(struct pair *p)
{
	REQUIRE_EQ(mrpc_conn_close(p->client), 0);
	await_disconnect(p->client_set, &p->client_probe);
	await_disconnect(p->server_set, &p->server_probe);
	pair_unref(p);
}

void pair_unref(struct pair *p)
{
	mrpc_conn_unref(p->client);
	mrpc_conn_unref(p->server);
	if (p->server_set != NULL)
		mrpc_listen_close(p->server_set);
	mrpc_conn_set_unref(p->client_set);
	mrpc_conn_set_unref(p->server_set);
	free(p->port);
	p->client = p->server = NULL;
	p->client_set = p->server_set = NULL;
	p->port = NULL;
}
