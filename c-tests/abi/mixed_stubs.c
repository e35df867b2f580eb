/* PROTO: test.mx */
/* NEEDS: rpcgen libtirpc */
/* RPCGEN: types.x */
/* LIBS: -ltirpc */
/*
 * One end with stubs of our generator, the other with procedures made by rpcgen
 * and tables by hand, in one process: they understand each other both ways.
 */
#define MINIRPC_PROTOCOL
#include "extra_rt.h"

#include <minirpc/protocol.h>

#include "types.h"

#define TYPE(function, type) { (xdrproc_t)(void (*)(void))(function), sizeof(type) }

struct type {
	xdrproc_t proc;
	unsigned size;
};

/* The procedures of test.mx that take and give one type; else size 0. */
static const struct type types[] = {
	[3] = TYPE(xdr_r_blob, r_blob), [7] = TYPE(xdr_r_record, r_record),
	[10] = TYPE(xdr_r_chain, r_chain), [14] = TYPE(xdr_r_block, r_block)
};

static mrpc_status_t info(unsigned cmd, xdrproc_t *type, unsigned *size)
{
	if (cmd >= sizeof(types) / sizeof(types[0]) || types[cmd].size == 0)
		return MINIRPC_PROCEDURE_UNAVAIL;
	SET_PTR_IF_NOT_NULL(type, types[cmd].proc);
	SET_PTR_IF_NOT_NULL(size, types[cmd].size);
	return MINIRPC_OK;
}

static mrpc_status_t request(const void *ops, void *conn_data, struct mrpc_message *msg, int cmd,
			     void *in, void *out)
{
	(void)ops;
	(void)conn_data;
	(void)msg;
	if (cmd == 7)
		((r_record *)in)->span.a++;
	memcpy(out, in, types[cmd].size);
	memset(in, 0, types[cmd].size);
	return MINIRPC_OK;
}

static const struct mrpc_protocol old_server = { 1, request, info, info, info, info };
static const struct mrpc_protocol old_client = { 0, NULL, info, info, info, info };

static mrpc_status_t echo(void *data, struct mrpc_message *msg, blob *in, blob *out)
{
	(void)data;
	(void)msg;
	*out = *in;
	memset(in, 0, sizeof(*in));
	return MINIRPC_OK;
}

static mrpc_status_t describe(void *data, struct mrpc_message *msg, record *in, record *out)
{
	(void)data;
	(void)msg;
	in->span.a++;
	*out = *in;
	memset(in, 0, sizeof(*in));
	return MINIRPC_OK;
}

static mrpc_status_t walk(void *data, struct mrpc_message *msg, chain *in, chain *out)
{
	(void)data;
	(void)msg;
	*out = *in;
	memset(in, 0, sizeof(*in));
	return MINIRPC_OK;
}

static mrpc_status_t pack(void *data, struct mrpc_message *msg, block *in, block *out)
{
	(void)data;
	(void)msg;
	*out = *in;
	return MINIRPC_OK;
}

static const struct test_server_operations ops = {
	.echo = echo, .describe = describe, .walk = walk, .pack = pack
};

static int values[] = { 5, -6, 7, 8 };

static void new_calls_old(struct mrpc_connection *conn)
{
	record in = { (char *)"name", GREEN, { 1, 2 }, { 4, values }, TRUE }, *out;
	blob bytes = { 5, (char *)"bytes" }, *bytes_out;
	node second = { 2, NULL }, first = { 1, &second };
	chain list = { &first }, *list_out;
	block b = { "twelve bytes", 9 }, *b_out;

	CHECK_EQ(test_describe(conn, &in, &out), MINIRPC_OK);
	REQUIRE(out != NULL);
	CHECK_STR(out->name, "name");
	CHECK_EQ(out->span.a, 2);
	CHECK_MEM(out->values.values_val, values, sizeof(values));
	free_record(out, 1);
	CHECK_EQ(test_echo(conn, &bytes, &bytes_out), MINIRPC_OK);
	REQUIRE(bytes_out != NULL);
	CHECK_MEM(bytes_out->blob_val, "bytes", 5);
	free_blob(bytes_out, 1);
	CHECK_EQ(test_walk(conn, &list, &list_out), MINIRPC_OK);
	REQUIRE(list_out != NULL);
	CHECK_EQ(list_out->first->next->value, 2);
	free_chain(list_out, 1);
	CHECK_EQ(test_pack(conn, &b, &b_out), MINIRPC_OK);
	REQUIRE(b_out != NULL);
	CHECK_MEM(b_out, &b, sizeof(b));
	free_block(b_out, 1);
}

static void *old_call(struct mrpc_connection *conn, int cmd, void *in)
{
	void *out = NULL;

	CHECK_EQ(mrpc_send_request(&old_client, conn, cmd, in, &out), MINIRPC_OK);
	REQUIRE(out != NULL);
	return out;
}

static void old_calls_new(struct mrpc_connection *conn)
{
	r_record in = { (char *)"name", R_GREEN, { 1, 2 }, { 4, values }, TRUE }, *out;
	r_node second = { 2, NULL }, first = { 1, &second };
	r_chain list = { &first }, *list_out;
	r_block b = { "twelve bytes", 9 }, *b_out;

	out = old_call(conn, 7, &in);
	CHECK_STR(out->name, "name");
	CHECK_EQ(out->span.a, 2);
	CHECK_MEM(out->values.values_val, values, sizeof(values));
	xdr_free((xdrproc_t)(void (*)(void))xdr_r_record, out);
	free(out);
	list_out = old_call(conn, 10, &list);
	CHECK_EQ(list_out->first->next->value, 2);
	xdr_free((xdrproc_t)(void (*)(void))xdr_r_chain, list_out);
	free(list_out);
	b_out = old_call(conn, 14, &b);
	CHECK_MEM(b_out, &b, sizeof(b));
	free(b_out);
}

int main(void)
{
	struct leaks leaks;
	struct pair p;
	int i;

	leaks_begin(&leaks);
	SECTION("our stubs call procedures of rpcgen's");
	pair_open(&p, PAIR_TCP, test_client, &old_server);
	CHECK_EQ(mrpc_conn_set_operations(p.server, &old_server, &types), 0);
	for (i = 0; i < 20; i++)
		new_calls_old(p.client);
	pair_close(&p);

	SECTION("procedures of rpcgen's call our stubs");
	pair_open(&p, PAIR_TCP, &old_client, test_server);
	CHECK_EQ(test_server_set_operations(p.server, &ops), 0);
	for (i = 0; i < 20; i++)
		old_calls_new(p.client);
	pair_close(&p);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
