/*
 * struct mrpc_protocol, tables made by hand: sender_* describe what a role
 * sends, receiver_* what it receives. Each role can answer only what its own
 * table should be asked for. Of the replies to a call, one reading says that
 * its sender's table has them, another that the receiver of the reply has: the
 * library takes both (docs/quirks.md).
 */
#define MINIRPC_PROTOCOL
#include "harness.h"

#include <minirpc/protocol.h>

static bool_t put_int(XDR *xdr, int *value)
{
	long word = *value;

	switch (xdr->x_op) {
	case XDR_ENCODE:
		return xdr->x_ops->x_putlong(xdr, &word);
	case XDR_DECODE:
		if (!xdr->x_ops->x_getlong(xdr, &word))
			return FALSE;
		*value = (int)word;
		return TRUE;
	default:
		return TRUE;
	}
}

static bool_t put_two_ints(XDR *xdr, int *values)
{
	return put_int(xdr, &values[0]) && put_int(xdr, &values[1]);
}

static mrpc_status_t one_int(unsigned cmd, xdrproc_t *type, unsigned *size)
{
	if (cmd != 1)
		return MINIRPC_PROCEDURE_UNAVAIL;
	SET_PTR_IF_NOT_NULL(type, (xdrproc_t)put_int);
	SET_PTR_IF_NOT_NULL(size, sizeof(int));
	return MINIRPC_OK;
}

static mrpc_status_t two_ints(unsigned cmd, xdrproc_t *type, unsigned *size)
{
	if (cmd != 1)
		return MINIRPC_PROCEDURE_UNAVAIL;
	SET_PTR_IF_NOT_NULL(type, (xdrproc_t)put_two_ints);
	SET_PTR_IF_NOT_NULL(size, 2 * sizeof(int));
	return MINIRPC_OK;
}

static mrpc_status_t nothing(unsigned cmd, xdrproc_t *type, unsigned *size)
{
	(void)cmd;
	(void)type;
	(void)size;
	return MINIRPC_PROCEDURE_UNAVAIL;
}

static mrpc_status_t request(const void *ops, void *conn_data, struct mrpc_message *msg,
			     int cmd, void *in, void *out)
{
	const int *arg = in;
	int *result = out;

	(void)ops;
	(void)conn_data;
	(void)msg;
	if (cmd != 1)
		return MINIRPC_PROCEDURE_UNAVAIL;
	result[0] = *arg + 1;
	result[1] = *arg + 2;
	return MINIRPC_OK;
}

/* Only the server has a procedure: int in, two ints out. */
static const struct mrpc_protocol client_sends = { 0, NULL, one_int, nothing, nothing, two_ints };
static const struct mrpc_protocol server_sends = { 1, request, nothing, two_ints, one_int, nothing };
static const struct mrpc_protocol client_calls = { 0, NULL, one_int, two_ints, nothing, nothing };
static const struct mrpc_protocol server_calls = { 1, request, nothing, nothing, one_int, two_ints };

static void try(const char *name, const struct mrpc_protocol *client,
		const struct mrpc_protocol *server)
{
	struct pair p;
	int in = 40;
	void *out = NULL;

	pair_open(&p, PAIR_SOCKETPAIR, client, server);
	SECTION("%s: tables that answer only what they should be asked", name);
	REQUIRE_EQ(mrpc_conn_set_operations(p.server, server, &in), 0);
	CHECK_EQ(mrpc_send_request(client, p.client, 1, &in, &out), MINIRPC_OK);
	if (CHECK(out != NULL)) {
		CHECK_EQ(((int *)out)[0], 41);
		CHECK_EQ(((int *)out)[1], 42);
	}
	free(out);

	SECTION("%s: a role without a request function receives nothing", name);
	CHECK_EQ(mrpc_send_request(server, p.server, 1, &in, &out), MINIRPC_ENCODING_ERR);
	pair_close(&p);
}

int main(void)
{
	struct leaks leaks;

	leaks_begin(&leaks);
	try("replies by who sends them", &client_sends, &server_sends);
	try("replies by who made the call", &client_calls, &server_calls);

	SECTION("nothing is left");
	LEAKS_CHECK(&leaks);
	return tap_done();
}
