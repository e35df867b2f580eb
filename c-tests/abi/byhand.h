/*
 * A protocol made by hand, of XDR procedures that the test brings: command n,
 * in both directions, takes and gives a kinds[n - 1], message -n takes one.
 * The handler's result is its argument, moved.
 *
 * Set `kinds` and `kind_count` first. Then pair_open() with hand_client and
 * hand_server, or one end of ours to a bare socket:
 */
#ifndef BYHAND_H
#define BYHAND_H

#define MINIRPC_PROTOCOL
#include "harness.h"

#include <minirpc/protocol.h>

#include <sys/socket.h>

#define UNUSED __attribute__((unused))

struct kind {
	xdrproc_t proc;
	unsigned size;
};
#define KIND(function, type) { (xdrproc_t)(void (*)(void))(function), sizeof(type) }
#define KINDS(list) (kinds = (list), kind_count = sizeof(list) / sizeof((list)[0]))

static const struct kind *kinds;
static unsigned kind_count;
static struct counter hand_requests = COUNTER_INIT;     /* handlers called */
static void (*hand_look)(int cmd, void *in);            /* by the handler, if set */

static mrpc_status_t hand_info(unsigned cmd, xdrproc_t *type, unsigned *size)
{
	unsigned n = (int)cmd < 0 ? -cmd : cmd;

	if (n == 0 || n > kind_count)
		return MINIRPC_PROCEDURE_UNAVAIL;
	SET_PTR_IF_NOT_NULL(type, kinds[n - 1].proc);
	SET_PTR_IF_NOT_NULL(size, kinds[n - 1].size);
	return MINIRPC_OK;
}

static mrpc_status_t hand_request(const void *ops, void *conn_data, struct mrpc_message *msg,
				  int cmd, void *in, void *out)
{
	unsigned n = (unsigned)abs(cmd);

	(void)ops;
	(void)conn_data;
	(void)msg;
	if (n == 0 || n > kind_count)
		return MINIRPC_PROCEDURE_UNAVAIL;
	if (hand_look != NULL)
		hand_look(cmd, in);
	if (out != NULL) {
		memcpy(out, in, kinds[n - 1].size);
		memset(in, 0, kinds[n - 1].size);
	}
	counter_add(&hand_requests, 1);
	return MINIRPC_OK;
}

static const struct mrpc_protocol hand_server_table = {
	1, hand_request, hand_info, hand_info, hand_info, hand_info
};
static const struct mrpc_protocol hand_client_table = {
	0, hand_request, hand_info, hand_info, hand_info, hand_info
};
UNUSED static const struct mrpc_protocol *const hand_server = &hand_server_table;
UNUSED static const struct mrpc_protocol *const hand_client = &hand_client_table;

/* Both ends ours, operations set. */
UNUSED static void hand_pair(struct pair *p)
{
	pair_open(p, PAIR_SOCKETPAIR, hand_client, hand_server);
	CHECK_EQ(mrpc_conn_set_operations(p->client, hand_client, &kinds), 0);
	CHECK_EQ(mrpc_conn_set_operations(p->server, hand_server, &kinds), 0);
}

/* A server's end to a bare socket. */
struct hand {
	struct mrpc_conn_set *set;
	struct mrpc_connection *conn;
	struct probe probe;
	int fd;
};

UNUSED static void hand_open(struct hand *h)
{
	probe_init(&h->probe);
	REQUIRE_EQ(mrpc_conn_set_create(&h->set, hand_server, NULL), 0);
	probe_watch(h->set);
	REQUIRE_EQ(mrpc_start_dispatch_thread(h->set), 0);
	REQUIRE_EQ(mrpc_conn_create(&h->conn, h->set, &h->probe), 0);
	CHECK_EQ(mrpc_conn_set_operations(h->conn, hand_server, &kinds), 0);
	h->fd = peer_bind(h->conn);
}

UNUSED static void hand_close(struct hand *h)
{
	close(h->fd);
	COUNTER_WAIT(&h->probe.disconnects, 1);
	mrpc_conn_unref(h->conn);
	mrpc_conn_set_unref(h->set);
}

/* Sends a request; the reply has to have this status, and the payload back. */
#define HAND_ECHO(h, cmd, bytes, len) do { \
	peer_send((h)->fd, 77, PENDING, (cmd), (bytes), (len)); \
	PEER_EXPECT((h)->fd, 77, MINIRPC_OK, (cmd), (bytes), (len)); \
} while (0)
#define HAND_REFUSED(h, cmd, bytes, len) do { \
	peer_send((h)->fd, 78, PENDING, (cmd), (bytes), (len)); \
	PEER_EXPECT((h)->fd, 78, MINIRPC_ENCODING_ERR, (cmd), NULL, 0); \
} while (0)

/* One-way: what our procedure encodes, as it comes out of the socket. */
#define HAND_ENCODES(h, cmd, object, bytes, len) do { \
	CHECK_EQ(mrpc_send_request_noreply(hand_server, (h)->conn, -(cmd), (object)), \
		 MINIRPC_OK); \
	hand_arrives((h)->fd, -(cmd), (bytes), (len), __FILE__, __LINE__); \
} while (0)

UNUSED static void hand_arrives(int fd, int cmd, const void *bytes, size_t len,
				const char *file, int line)
{
	struct frame f;

	peer_recv(fd, &f);
	tap_check_eq(f.cmd, cmd, file, line, "cmd");
	tap_check_eq(f.status, PENDING, file, line, "status");
	tap_check_eq(f.len, (long long)len, file, line, "payload length");
	if (f.len == len && len > 0)
		tap_check_mem(f.data, bytes, len, file, line, "payload");
	free(f.data);
}

/* The operations of a stream, by slot. */
#define OPS(xdrs) ((xdrs)->x_ops)
/* Slots 8 and 9: what the system's table calls them depends on its XDR. */
typedef bool_t (getint32_fn)(XDR *, int32_t *);
typedef bool_t (putint32_fn)(XDR *, const int32_t *);

UNUSED static void *slot(XDR *xdrs, int n)
{
	return ((void *const *)(const void *)xdrs->x_ops)[n];
}

#endif
