/*
 * What the tests of calls share: handlers that do what their names say, and
 * calls that check their results.
 */
#ifndef CALLS_H
#define CALLS_H

#include "extra_rt.h"

#define UNUSED __attribute__((unused))

/* Gives back what came, in memory of its own. */
UNUSED static mrpc_status_t do_echo(void *data, struct mrpc_message *msg, blob *in, blob *out)
{
	(void)data;
	(void)msg;
	out->blob_len = in->blob_len;
	out->blob_val = malloc(in->blob_len + 1);
	if (in->blob_len > 0)
		memcpy(out->blob_val, in->blob_val, in->blob_len);
	return MINIRPC_OK;
}

/* a + b, by a call to the server; whether it was right. */
UNUSED static bool add_is_right(struct mrpc_connection *conn, int a, int b)
{
	operands in = { a, b };
	number *out = NULL;
	bool ok = CHECK_EQ(test_add(conn, &in, &out), MINIRPC_OK) && CHECK(out != NULL) &&
		  CHECK_EQ(*out, a + b);

	free_number(out, 1);
	return ok;
}

/* The same, to the client. */
UNUSED static bool client_add_is_right(struct mrpc_connection *conn, int a, int b)
{
	operands in = { a, b };
	number *out = NULL;
	bool ok = CHECK_EQ(test_client_add(conn, &in, &out), MINIRPC_OK) &&
		  CHECK(out != NULL) && CHECK_EQ(*out, a + b);

	free_number(out, 1);
	return ok;
}

#endif
