/*
 * A server with listener and dispatch threads, whose peers are bare sockets
 * that misbehave, and what shows that it is none the worse for them.
 */
#ifndef FAULT_H
#define FAULT_H

#include "extra_rt.h"

#include <sys/resource.h>

#define UNUSED __attribute__((unused))

struct server {
	struct mrpc_conn_set *set;
	char *port;
	struct mrpc_connection *last;           /* accepted; alive until its disconnect */
	struct counter accepted, ended, ioerrs; /* over all connections */
	struct counter messages;                /* notify, poke and push */
	struct counter gate;                    /* what put waits for */
};
static struct server server;

static mrpc_status_t server_put(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	COUNTER_WAIT(&server.gate, *in);
	return MINIRPC_OK;
}

static void server_notify(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	(void)in;
	counter_add(&server.messages, 1);
}

static void server_push(void *data, struct mrpc_message *msg, blob *in)
{
	(void)data;
	(void)msg;
	(void)in;
	counter_add(&server.messages, 1);
}

static const struct test_server_operations server_ops = {
	.ping = answer_ping, .echo = answer_echo, .put = server_put,
	.notify = server_notify, .push = server_push
};

static void *server_accept(void *set_data, struct mrpc_connection *conn,
			   struct sockaddr *from, socklen_t len)
{
	(void)set_data;
	(void)from;
	(void)len;
	CHECK_EQ(test_server_set_operations(conn, &server_ops), 0);
	mrpc_conn_unref(conn);
	server.last = conn;
	counter_add(&server.accepted, 1);
	return &server;
}

static void server_ended(void *data, enum mrpc_disc_reason reason)
{
	CHECK_PTR(data, &server);
	CHECK(reason != MRPC_DISC_USER);
	counter_add(&server.ended, 1);
}

static void server_ioerr(void *data, char *message)
{
	CHECK_PTR(data, &server);
	CHECK(message[0] != '\0');
	counter_add(&server.ioerrs, 1);
}

UNUSED static void server_start(int threads)
{
	memset(&server, 0, sizeof(server));
	counter_init(&server.accepted);
	counter_init(&server.ended);
	counter_init(&server.ioerrs);
	counter_init(&server.messages);
	counter_init(&server.gate);
	REQUIRE_EQ(mrpc_conn_set_create(&server.set, test_server, NULL), 0);
	REQUIRE_EQ(mrpc_set_accept_func(server.set, server_accept), 0);
	REQUIRE_EQ(mrpc_set_disconnect_func(server.set, server_ended), 0);
	REQUIRE_EQ(mrpc_set_ioerr_func(server.set, server_ioerr), 0);
	while (threads-- > 0)
		REQUIRE_EQ(mrpc_start_dispatch_thread(server.set), 0);
	REQUIRE_EQ(mrpc_listen(server.set, AF_INET, "127.0.0.1", &server.port), 0);
}

/* A connection whose accept callback has been called. */
UNUSED static int server_peer(void)
{
	long n = counter_get(&server.accepted);
	int fd = peer_connect(server.port);

	COUNTER_WAIT(&server.accepted, n + 1);
	return fd;
}

/* When all connections have come to their end. */
UNUSED static void server_stop(void)
{
	COUNTER_WAIT(&server.ended, counter_get(&server.accepted));
	CHECK_EQ(counter_get(&server.ended), counter_get(&server.accepted));
	mrpc_listen_close(server.set);
	mrpc_conn_set_unref(server.set);
	free(server.port);
}

/* A ping is answered, soon. */
#define SERVED(fd) PROMPT(( \
	peer_send((fd), 7, PENDING, nr_test_ping, NULL, 0), \
	PEER_EXPECT((fd), 7, MINIRPC_OK, nr_test_ping, NULL, 0)))

/* Writes what the kernel takes at once; how much. */
UNUSED static size_t write_some(int fd, const void *data, size_t len)
{
	ssize_t n = send(fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	return n > 0 ? (size_t)n : 0;
}

/* No descriptor beyond those that are open, and n more. */
UNUSED static struct rlimit limit_fds(int n)
{
	struct rlimit old, low;
	int fds[64], i;

	REQUIRE(n < 63);
	for (i = 0; i <= n; i++)
		REQUIRE((fds[i] = dup(0)) >= 0);
	REQUIRE_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = old;
	low.rlim_cur = (rlim_t)fds[n];
	while (i-- > 0)
		close(fds[i]);
	REQUIRE_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
	return old;
}

UNUSED static void unlimit_fds(struct rlimit old)
{
	REQUIRE_EQ(setrlimit(RLIMIT_NOFILE, &old), 0);
}

#endif
