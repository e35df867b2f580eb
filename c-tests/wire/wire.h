/*
 * One end ours, in either role, the other a bare socket. The protocol gives
 * both roles the same procedures and messages under the same numbers, as far
 * as these tests use them:
 *
 *   1 ping()  2 add(operands, number)  3 echo(blob, blob)  6 name(number,
 *   short_text)  12 without a handler; -1 notify(number)  -2 poke()
 *   -3 push(blob)  -4 without a handler
 */
#ifndef WIRE_H
#define WIRE_H

#include "harness.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <linux/sockios.h>
#include "test_client.h"
#include "test_server.h"

#define UNUSED __attribute__((unused))

enum role { AS_SERVER, AS_CLIENT, ROLES };      /* what our end is */

enum cmd {
	CMD_PING = 1, CMD_ADD = 2, CMD_ECHO = 3, CMD_NAME = 6, CMD_ABSENT = 12,
	CMD_UNKNOWN = 77, MSG_NOTIFY = -1, MSG_POKE = -2, MSG_PUSH = -3,
	MSG_ABSENT = -4, MSG_UNKNOWN = -77
};

struct wire {
	enum role role;
	struct mrpc_conn_set *set;
	struct mrpc_connection *conn;
	struct probe probe;
	int peer;
};

static struct counter wire_requests = COUNTER_INIT;     /* handlers called */
static struct counter wire_messages = COUNTER_INIT;
static struct counter wire_replies = COUNTER_INIT;      /* callbacks called */
static mrpc_status_t wire_status;                       /* of the last one */
static number wire_result;                              /* where it had data */
static const char *wire_name_result = "ok";             /* of name */

static mrpc_status_t wire_ping(void *conn_data, struct mrpc_message *msg)
{
	(void)conn_data;
	(void)msg;
	counter_add(&wire_requests, 1);
	return MINIRPC_OK;
}

static mrpc_status_t wire_add(void *conn_data, struct mrpc_message *msg, operands *in,
			      number *out)
{
	(void)conn_data;
	(void)msg;
	*out = in->a + in->b;
	counter_add(&wire_requests, 1);
	return MINIRPC_OK;
}

static mrpc_status_t wire_echo(void *conn_data, struct mrpc_message *msg, blob *in, blob *out)
{
	(void)conn_data;
	(void)msg;
	*out = *in;     /* the library frees out, and finds nothing left in in */
	memset(in, 0, sizeof(*in));
	counter_add(&wire_requests, 1);
	return MINIRPC_OK;
}

static mrpc_status_t wire_name(void *conn_data, struct mrpc_message *msg, number *in,
			       short_text *out)
{
	(void)conn_data;
	(void)msg;
	(void)in;
	*out = strdup(wire_name_result);
	counter_add(&wire_requests, 1);
	return MINIRPC_OK;
}

static void wire_notify(void *conn_data, struct mrpc_message *msg, number *in)
{
	(void)conn_data;
	(void)msg;
	(void)in;
	counter_add(&wire_messages, 1);
}

static void wire_poke(void *conn_data, struct mrpc_message *msg)
{
	(void)conn_data;
	(void)msg;
	counter_add(&wire_messages, 1);
}

static void wire_push(void *conn_data, struct mrpc_message *msg, blob *in)
{
	(void)conn_data;
	(void)msg;
	(void)in;
	counter_add(&wire_messages, 1);
}

static void wire_on_number(void *conn_data, void *msg_data, mrpc_status_t status, number *reply)
{
	(void)conn_data;
	(void)msg_data;
	wire_status = status;
	wire_result = reply != NULL ? *reply : 0;
	CHECK_EQ(status == MINIRPC_OK, reply != NULL);
	counter_add(&wire_replies, 1);
}

static void wire_on_void(void *conn_data, void *msg_data, mrpc_status_t status)
{
	(void)conn_data;
	(void)msg_data;
	wire_status = status;
	counter_add(&wire_replies, 1);
}

static const struct test_server_operations wire_server_ops = {
	.ping = wire_ping, .add = wire_add, .echo = wire_echo, .name = wire_name,
	.notify = wire_notify, .poke = wire_poke, .push = wire_push
};

static const struct test_client_operations wire_client_ops = {
	.client_ping = wire_ping, .client_add = wire_add, .client_echo = wire_echo,
	.client_name = wire_name, .event = wire_notify, .tick = wire_poke, .flood = wire_push
};

UNUSED static const char *wire_role_name(enum role role)
{
	return role == AS_SERVER ? "server" : "client";
}

/* A set with a dispatch thread, no connection yet. */
UNUSED static void wire_open_set(struct wire *w, enum role role)
{
	memset(w, 0, sizeof(*w));
	w->role = role;
	REQUIRE_EQ(mrpc_conn_set_create(&w->set, role == AS_SERVER ? test_server : test_client,
					w), 0);
	probe_watch(w->set);
	REQUIRE_EQ(mrpc_start_dispatch_thread(w->set), 0);
}

/* A fresh connection in the set, handlers in place; counters at 0. */
UNUSED static void wire_connect(struct wire *w)
{
	int fds[2];

	probe_init(&w->probe);
	counter_init(&wire_requests);
	counter_init(&wire_messages);
	counter_init(&wire_replies);
	wire_status = 99;
	wire_result = 0;
	REQUIRE_EQ(mrpc_conn_create(&w->conn, w->set, &w->probe), 0);
	if (w->role == AS_SERVER)
		REQUIRE_EQ(test_server_set_operations(w->conn, &wire_server_ops), 0);
	else
		REQUIRE_EQ(test_client_set_operations(w->conn, &wire_client_ops), 0);
	REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	REQUIRE_EQ(mrpc_bind_fd(w->conn, fds[0]), 0);
	w->peer = fds[1];
}

UNUSED static void wire_open(struct wire *w, enum role role)
{
	wire_open_set(w, role);
	wire_connect(w);
}

/* The peer goes away; all events have been handled afterwards. */
UNUSED static void wire_disconnect(struct wire *w)
{
	if (w->peer >= 0)
		close(w->peer);
	COUNTER_WAIT(&w->probe.disconnects, 1);
	mrpc_conn_unref(w->conn);
}

UNUSED static void wire_close(struct wire *w)
{
	wire_disconnect(w);
	mrpc_conn_set_unref(w->set);
}

/* Calls of ours, async; what comes of them is in wire_replies, wire_status. */
UNUSED static mrpc_status_t wire_call_add(struct wire *w, int a, int b)
{
	operands in = { a, b };

	return w->role == AS_SERVER ? test_client_add_async(w->conn, wire_on_number, NULL, &in)
				    : test_add_async(w->conn, wire_on_number, NULL, &in);
}

UNUSED static mrpc_status_t wire_call_ping(struct wire *w)
{
	return w->role == AS_SERVER ? test_client_ping_async(w->conn, wire_on_void, NULL)
				    : test_ping_async(w->conn, wire_on_void, NULL);
}

UNUSED static mrpc_status_t wire_send_notify(struct wire *w, number n)
{
	return w->role == AS_SERVER ? test_event(w->conn, &n) : test_notify(w->conn, &n);
}

/* Waits until our end has read all that the peer has written. */
UNUSED static void wire_drained(struct wire *w)
{
	int left = 1;

	WAIT_FOR(ioctl(w->peer, SIOCOUTQ, &left) == 0 && left == 0);
}

/* Sends a ping and expects its answer: the stream is in step. */
#define WIRE_IN_STEP(w, seq) do { \
	peer_send((w)->peer, (seq), PENDING, CMD_PING, NULL, 0); \
	PEER_EXPECT((w)->peer, (seq), MINIRPC_OK, CMD_PING, NULL, 0); \
} while (0)

#endif
