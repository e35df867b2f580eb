/* PROTO: test.mx */
/*
 * Payloads near and over the maximum, as a client sees them: over it, in either
 * direction, the call fails with the encoding error, and the connection is as
 * good as before. The limit is the receiver's.
 */
#include "calls.h"

enum { DEFAULT_MAX = 16384 };

static struct pair p;
static struct counter replies = COUNTER_INIT, pushed = COUNTER_INIT;
static int async_status;

/* So many bytes. */
static mrpc_status_t sized(struct mrpc_connection *conn, u_int request, u_int reply)
{
	blob in = { request, calloc(1, request + 1) }, *out = NULL;
	mrpc_status_t status;

	if (request >= 4)
		put_u32(in.blob_val, reply);
	status = conn == p.client ? test_echo(conn, &in, &out)
				  : test_client_echo(conn, &in, &out);
	CHECK_EQ(out != NULL, status == MINIRPC_OK);
	if (out != NULL)
		CHECK_EQ(out->blob_len, reply);
	free_blob(out, 1);
	free(in.blob_val);
	return status;
}

/* As many bytes as the first four of the argument say. */
static mrpc_status_t echo(void *data, struct mrpc_message *msg, blob *in, blob *out)
{
	(void)data;
	(void)msg;
	out->blob_len = get_u32(in->blob_val);
	out->blob_val = calloc(1, out->blob_len + 1);
	return MINIRPC_OK;
}

static void push(void *data, struct mrpc_message *msg, blob *in)
{
	(void)data;
	(void)msg;
	(void)in;
	counter_add(&pushed, 1);
}

static const struct test_server_operations server_ops = {
	.ping = answer_ping, .echo = echo, .push = push
};
static const struct test_client_operations client_ops = {
	.client_ping = answer_ping, .client_echo = echo, .flood = push
};

static void on_reply(void *data, void *private, mrpc_status_t status, blob *reply)
{
	(void)data;
	(void)private;
	CHECK_EQ(reply != NULL, status == MINIRPC_OK);
	async_status = status;
	counter_add(&replies, 1);
}

static void ping_works(void)
{
	CHECK_EQ(test_ping(p.client), MINIRPC_OK);
	CHECK_EQ(test_client_ping(p.server), MINIRPC_OK);
}

int main(void)
{
	/* opaque data: a length before them, and nothing behind, being padded */
	const u_int fits = DEFAULT_MAX - 4;
	char *bytes = calloc(1, DEFAULT_MAX + 1);
	blob in = { DEFAULT_MAX, bytes };
	struct leaks leaks;
	u_int n;

	leaks_begin(&leaks);
	pair_open(&p, PAIR_TCP, test_client, test_server);
	REQUIRE_EQ(test_server_set_operations(p.server, &server_ops), 0);
	REQUIRE_EQ(test_client_set_operations(p.client, &client_ops), 0);

	SECTION("up to the maximum, byte by byte");
	for (n = fits - 8; n <= fits; n++) {
		CHECK_EQ(sized(p.client, n, 4), MINIRPC_OK);
		CHECK_EQ(sized(p.client, 4, n), MINIRPC_OK);
		CHECK_EQ(sized(p.server, n, n), MINIRPC_OK);
	}
	CHECK_EQ(counter_get(&p.server_probe.ioerrs), 0);
	CHECK_EQ(counter_get(&p.client_probe.ioerrs), 0);

	SECTION("a request over it: the server complains, the client sees the error");
	for (n = 0; n < 10; n++) {
		CHECK_EQ(sized(p.client, fits + 1 + n * 1000, 4), MINIRPC_ENCODING_ERR);
		ping_works();
	}
	COUNTER_WAIT(&p.server_probe.ioerrs, 10);
	CHECK_EQ(counter_get(&p.server_probe.ioerrs), 10);

	SECTION("a reply over it: the client complains");
	for (n = 0; n < 10; n++) {
		CHECK_EQ(sized(p.client, 4, fits + 1 + n * 1000), MINIRPC_ENCODING_ERR);
		ping_works();
	}
	COUNTER_WAIT(&p.client_probe.ioerrs, 10);
	CHECK_EQ(counter_get(&p.client_probe.ioerrs), 10);

	SECTION("async");
	CHECK_EQ(test_echo_async(p.client, on_reply, NULL, &in), MINIRPC_OK);
	COUNTER_WAIT(&replies, 1);
	CHECK_EQ(async_status, MINIRPC_ENCODING_ERR);
	put_u32(bytes, DEFAULT_MAX);
	in.blob_len = 4;
	CHECK_EQ(test_echo_async(p.client, on_reply, NULL, &in), MINIRPC_OK);
	COUNTER_WAIT(&replies, 2);
	CHECK_EQ(async_status, MINIRPC_ENCODING_ERR);
	ping_works();

	SECTION("one-way: dropped, with an ioerr");
	in.blob_len = DEFAULT_MAX;
	CHECK_EQ(test_push(p.client, &in), MINIRPC_OK);
	in.blob_len = 4;
	CHECK_EQ(test_push(p.client, &in), MINIRPC_OK);
	COUNTER_WAIT(&pushed, 1);
	COUNTER_WAIT(&p.server_probe.ioerrs, 12);
	CHECK_EQ(counter_get(&pushed), 1);
	ping_works();

	SECTION("the server's limit raised, not the client's");
	CHECK_EQ(mrpc_set_max_buf_len(p.server_set, 100000), 0);
	CHECK_EQ(sized(p.client, 90000, 4), MINIRPC_OK);
	CHECK_EQ(sized(p.client, 90000, fits), MINIRPC_OK);
	CHECK_EQ(sized(p.client, 90000, fits + 1), MINIRPC_ENCODING_ERR);
	CHECK_EQ(sized(p.server, fits, 90000), MINIRPC_OK);
	CHECK_EQ(sized(p.server, fits + 1, 4), MINIRPC_ENCODING_ERR);
	ping_works();
	pair_close(&p);
	free(bytes);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
