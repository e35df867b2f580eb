/* A set whose listener wants PROXY headers, and headers to send to it. */
#ifndef PROXY_H
#define PROXY_H

#include "../view/traced.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/un.h>

enum { LOCAL = 0x20, PROXY = 0x21, TCP4 = 0x11, TCP6 = 0x21, UNIX = 0x31 };

static struct gate {
	struct mrpc_conn_set *set;
	char *port;
	struct counter accepted, ended;
	struct sockaddr_storage from;   /* of the last one, as accept was told */
	socklen_t from_len;
} gate = { .accepted = COUNTER_INIT, .ended = COUNTER_INIT };
static struct steps steps = STEPS_INIT;

static const struct test_server_operations gate_ops = { .ping = answer_ping };

static void *gate_accept(void *data, struct mrpc_connection *conn, struct sockaddr *from,
			 socklen_t len)
{
	struct sockaddr_storage asked;
	socklen_t asked_len = sizeof(asked);

	(void)data;
	gate.from_len = len;
	memset(&gate.from, 0, sizeof(gate.from));
	memcpy(&gate.from, from, len);
	CHECK_EQ(mrpc_conn_get_peer_address(conn, (struct sockaddr *)&asked, &asked_len), 0);
	CHECK_EQ(asked_len, len);
	CHECK_MEM(&asked, from, len);
	CHECK_EQ(test_server_set_operations(conn, &gate_ops), 0);
	mrpc_conn_unref(conn);
	counter_add(&gate.accepted, 1);
	return NULL;
}

static void gate_end(void *data, enum mrpc_disc_reason reason)
{
	(void)data;
	(void)reason;
	counter_add(&gate.ended, 1);
}

UNUSED static void gate_open(void)
{
	counter_init(&gate.accepted);
	counter_init(&gate.ended);
	gate.port = NULL;
	forget_steps(&steps);
	REQUIRE_EQ(mrpc_conn_set_create(&gate.set, test_server, NULL), 0);
	REQUIRE_EQ(mrpc_set_accept_func(gate.set, gate_accept), 0);
	REQUIRE_EQ(mrpc_set_disconnect_func(gate.set, gate_end), 0);
	REQUIRE_EQ(mrpc_set_trace_func(gate.set, note_step, &steps), 0);
	REQUIRE_EQ(mrpc_set_proxy_protocol(gate.set, 1), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(gate.set), 0);
	REQUIRE_EQ(mrpc_listen(gate.set, AF_INET, "127.0.0.1", &gate.port), 0);
}

UNUSED static void gate_close(void)
{
	COUNTER_WAIT(&gate.ended, counter_get(&gate.accepted));
	mrpc_listen_close(gate.set);
	mrpc_conn_set_unref(gate.set);
	free(gate.port);
}

/* Writes a header into `at`; its length. */
UNUSED static size_t header(unsigned char *at, int command, int family, const void *rest,
			    size_t len)
{
	memcpy(at, "\r\n\r\n\0\r\nQUIT\n", 12);
	at[12] = (unsigned char)command;
	at[13] = (unsigned char)family;
	at[14] = (unsigned char)(len >> 8);
	at[15] = (unsigned char)len;
	memcpy(at + 16, rest, len);
	return 16 + len;
}

/* From 192.0.2.1 port 40000 to 10.0.0.1 port 80. */
static const unsigned char v4[12] = { 192, 0, 2, 1, 10, 0, 0, 1, 0x9c, 0x40, 0, 80 };

UNUSED static void answered(int fd)
{
	PEER_EXPECT(fd, 7, MINIRPC_OK, nr_test_ping, NULL, 0);
}

UNUSED static void ping(int fd)
{
	peer_send(fd, 7, PENDING, nr_test_ping, NULL, 0);
	answered(fd);
}

#endif
