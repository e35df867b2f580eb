/* PROTO: test.mx */
/* Sync calls of every shape, in both directions, over each kind of socket. */
#include "calls.h"

static int got;

static mrpc_status_t put(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	got = *in;
	return MINIRPC_OK;
}

static mrpc_status_t get(void *data, struct mrpc_message *msg, number *out)
{
	(void)data;
	(void)msg;
	*out = -12345;
	return MINIRPC_OK;
}

static mrpc_status_t name(void *data, struct mrpc_message *msg, number *in, short_text *out)
{
	char text[16];

	(void)data;
	(void)msg;
	snprintf(text, sizeof(text), "n%d", *in);
	*out = strdup(text);
	return MINIRPC_OK;
}

static mrpc_status_t describe(void *data, struct mrpc_message *msg, record *in, record *out)
{
	u_int i;

	(void)data;
	(void)msg;
	out->name = strdup(in->name);
	out->tint = in->tint == RED ? BLUE : RED;
	out->span.a = in->span.b;
	out->span.b = in->span.a;
	out->values.values_len = in->values.values_len;
	out->values.values_val = calloc(in->values.values_len + 1, sizeof(int));
	for (i = 0; i < in->values.values_len; i++)
		out->values.values_val[i] = -in->values.values_val[i];
	out->flag = !in->flag;
	return MINIRPC_OK;
}

/* The list backwards. */
static mrpc_status_t walk(void *data, struct mrpc_message *msg, chain *in, chain *out)
{
	node *from, *copy;

	(void)data;
	(void)msg;
	for (from = in->first; from != NULL; from = from->next) {
		copy = malloc(sizeof(*copy));
		copy->value = from->value;
		copy->next = out->first;
		out->first = copy;
	}
	return MINIRPC_OK;
}

static mrpc_status_t widen(void *data, struct mrpc_message *msg, number *in, big *out)
{
	(void)data;
	(void)msg;
	*out = (big)*in * 1000000000LL;
	return MINIRPC_OK;
}

static mrpc_status_t pack(void *data, struct mrpc_message *msg, block *in, block *out)
{
	(void)data;
	(void)msg;
	*out = *in;
	out->bytes[0]++;
	out->tail = ~in->tail;
	return MINIRPC_OK;
}

static mrpc_status_t label(void *data, struct mrpc_message *msg, short_text *in)
{
	(void)data;
	(void)msg;
	return (mrpc_status_t)strlen(*in);
}

static const struct test_server_operations server_ops = {
	.ping = answer_ping, .add = answer_add, .echo = do_echo, .put = put, .get = get, .name = name,
	.describe = describe, .walk = walk, .widen = widen, .pack = pack, .label = label
};
static const struct test_client_operations client_ops = {
	.client_ping = answer_ping, .client_add = answer_add, .client_echo = do_echo, .client_name = name
};

static void simple_shapes(struct mrpc_connection *conn)
{
	number n = 77, *number_out = NULL;
	big *big_out = NULL;
	block blk = { "eleven chr", 5 }, *block_out = NULL;
	short_text text = "abc", empty = "", *text_out = NULL;

	CHECK_EQ(test_ping(conn), MINIRPC_OK);
	add_is_right(conn, 2000000000, -2000000001);
	CHECK_EQ(test_put(conn, &n), MINIRPC_OK);
	CHECK_EQ(got, 77);
	CHECK_EQ(test_get(conn, &number_out), MINIRPC_OK);
	if (CHECK(number_out != NULL))
		CHECK_EQ(*number_out, -12345);
	free_number(number_out, 1);
	CHECK_EQ(test_name(conn, &n, &text_out), MINIRPC_OK);
	if (CHECK(text_out != NULL))
		CHECK_STR(*text_out, "n77");
	free_short_text(text_out, 1);
	CHECK_EQ(test_widen(conn, &n, &big_out), MINIRPC_OK);
	if (CHECK(big_out != NULL))
		CHECK_EQ(*big_out, 77000000000LL);
	free_big(big_out, 1);
	CHECK_EQ(test_pack(conn, &blk, &block_out), MINIRPC_OK);
	if (CHECK(block_out != NULL)) {
		CHECK_MEM(block_out->bytes, "fleven chr\0", 12);
		CHECK_EQ(block_out->tail, ~5);
	}
	free_block(block_out, 1);
	CHECK_EQ(test_label(conn, &text), 3);
	CHECK_EQ(test_label(conn, &empty), MINIRPC_OK);
}

static void nested_shapes(struct mrpc_connection *conn)
{
	int values[3] = { 1, -2, 3 }, i;
	record in = { "a name", RED, { 4, 5 }, { 3, values }, 1 }, *out = NULL;
	node nodes[3] = { { 1, &nodes[1] }, { 2, &nodes[2] }, { 3, NULL } }, *at;
	chain list = { nodes }, none = { NULL }, *list_out = NULL;

	CHECK_EQ(test_describe(conn, &in, &out), MINIRPC_OK);
	if (CHECK(out != NULL)) {
		CHECK_STR(out->name, "a name");
		CHECK_EQ(out->tint, BLUE);
		CHECK_EQ(out->span.a, 5);
		CHECK_EQ(out->span.b, 4);
		CHECK_EQ(out->values.values_len, 3);
		for (i = 0; i < 3; i++)
			CHECK_EQ(out->values.values_val[i], -values[i]);
		CHECK_EQ(out->flag, 0);
	}
	free_record(out, 1);
	CHECK_EQ(test_walk(conn, &list, &list_out), MINIRPC_OK);
	if (CHECK(list_out != NULL))
		for (i = 3, at = list_out->first; i > 0 && CHECK(at != NULL); at = at->next, i--)
			CHECK_EQ(at->value, i);
	free_chain(list_out, 1);
	list_out = NULL;
	CHECK_EQ(test_walk(conn, &none, &list_out), MINIRPC_OK);
	if (CHECK(list_out != NULL))
		CHECK(list_out->first == NULL);
	free_chain(list_out, 1);
}

static void to_the_client(struct mrpc_connection *conn)
{
	number n = 5;
	short_text *text = NULL;
	char bytes[3] = { 1, 0, 2 };
	blob in = { 3, bytes }, *out = NULL;

	CHECK_EQ(test_client_ping(conn), MINIRPC_OK);
	client_add_is_right(conn, 3, 4);
	CHECK_EQ(test_client_name(conn, &n, &text), MINIRPC_OK);
	if (CHECK(text != NULL))
		CHECK_STR(*text, "n5");
	free_short_text(text, 1);
	CHECK_EQ(test_client_echo(conn, &in, &out), MINIRPC_OK);
	if (CHECK(out != NULL) && CHECK_EQ(out->blob_len, 3))
		CHECK_MEM(out->blob_val, bytes, 3);
	free_blob(out, 1);
}

int main(void)
{
	static const char *const names[] = { "socketpair", "TCP" };
	struct leaks leaks;
	struct pair p;
	int kind;

	leaks_begin(&leaks);
	for (kind = PAIR_SOCKETPAIR; kind <= PAIR_TCP; kind++) {
		pair_open(&p, kind, test_client, test_server);
		REQUIRE_EQ(test_server_set_operations(p.server, &server_ops), 0);
		REQUIRE_EQ(test_client_set_operations(p.client, &client_ops), 0);
		SECTION("%s: void, numbers, texts, fixed blocks", names[kind]);
		simple_shapes(p.client);
		SECTION("%s: records and lists", names[kind]);
		nested_shapes(p.client);
		SECTION("%s: from the server to the client", names[kind]);
		to_the_client(p.server);
		CHECK_EQ(counter_get(&p.client_probe.ioerrs), 0);
		CHECK_EQ(counter_get(&p.server_probe.ioerrs), 0);
		pair_close(&p);
	}
	LEAKS_CHECK(&leaks);
	return tap_done();
}
