/* PROTO: test.mx */
/*
 * Whose memory is whose: the sync caller's reply is freed with xdr_free and
 * free; what a handler is given and what it stores in its result is freed by the
 * library, unless it is taken out; so is an async call's reply. Memory is
 * zeroed. The memory checkers see the rest.
 */
#include "calls.h"

#include <minirpc/xdr.h>

static struct pair p;
static struct counter replies = COUNTER_INIT, messages = COUNTER_INIT;
static record taken;
static blob taken_blob;
static bool takes;

static void fill(record *r)
{
	r->name = strdup("a text from malloc");
	r->tint = GREEN;
	r->values.values_len = 100;
	r->values.values_val = calloc(100, sizeof(int));
	r->flag = 1;
}

static mrpc_status_t describe(void *data, struct mrpc_message *msg, record *in, record *out)
{
	static const record zero;

	(void)data;
	(void)msg;
	CHECK_MEM(out, &zero, sizeof(zero));
	CHECK_STR(in->name, "a text from malloc");
	fill(out);
	if (takes) {
		taken = *in;
		memset(in, 0, sizeof(*in));
	}
	return in->span.a;
}

static void push(void *data, struct mrpc_message *msg, blob *in)
{
	(void)data;
	(void)msg;
	CHECK_EQ(in->blob_len, 1000);
	if (takes) {
		taken_blob = *in;
		memset(in, 0, sizeof(*in));
	}
	counter_add(&messages, 1);
}

static const struct test_server_operations ops = { .describe = describe, .push = push };

static void on_reply(void *data, void *private, mrpc_status_t status, record *reply)
{
	(void)data;
	CHECK_EQ(status, private != NULL ? 3 : MINIRPC_OK);
	CHECK_EQ(reply == NULL, private != NULL);
	if (reply != NULL)
		CHECK_STR(reply->name, "a text from malloc");
	if (reply != NULL && takes) {
		taken = *reply;
		memset(reply, 0, sizeof(*reply));
	}
	counter_add(&replies, 1);
}

/* A copy that was taken is the application's. */
static void free_taken(void)
{
	CHECK_STR(taken.name, "a text from malloc");
	free_record(&taken, 0);
	memset(&taken, 0, sizeof(taken));
}

static void calls(record *in)
{
	static char bytes[1000];
	blob b = { sizeof(bytes), bytes };
	record *out = NULL;
	long n = counter_get(&replies), m = counter_get(&messages);

	CHECK_EQ(test_describe(p.client, in, &out), MINIRPC_OK);
	if (CHECK(out != NULL)) {
		CHECK_STR(out->name, "a text from malloc");
		CHECK_EQ(out->values.values_len, 100);
	}
	/* by hand, as applications did before there was free_record */
	if (out != NULL) {
		XDR free_stream = { .x_op = XDR_FREE };

		CHECK(xdr_record(&free_stream, out));
		free(out);
	}
	if (takes)
		free_taken();
	in->span.a = 3;         /* an error, with a result stored */
	CHECK_EQ(test_describe(p.client, in, &out), takes ? MINIRPC_OK : 3);
	in->span.a = 0;
	if (takes) {
		free_taken();
		free_record(out, 1);
	} else {
		CHECK(out == NULL);
	}
	CHECK_EQ(test_push(p.client, &b), MINIRPC_OK);
	COUNTER_WAIT(&messages, m + 1);
	if (takes)
		free(taken_blob.blob_val);
	if (takes)
		return;
	CHECK_EQ(test_describe_async(p.client, on_reply, NULL, in), MINIRPC_OK);
	in->span.a = 3;
	CHECK_EQ(test_describe_async(p.client, on_reply, &p, in), MINIRPC_OK);
	in->span.a = 0;
	COUNTER_WAIT(&replies, n + 2);
}

int main(void)
{
	struct leaks leaks;
	record in;

	memset(&in, 0, sizeof(in));
	fill(&in);
	leaks_begin(&leaks);
	pair_open(&p, PAIR_SOCKETPAIR, test_client, test_server);
	REQUIRE_EQ(test_server_set_operations(p.server, &ops), 0);
	SECTION("left to the library");
	calls(&in);
	SECTION("taken by the handler");
	takes = true;
	calls(&in);
	SECTION("what the caller passed is still the caller's");
	CHECK_STR(in.name, "a text from malloc");
	CHECK_EQ(in.values.values_len, 100);

	SECTION("a reply without a place for it: the encoding error, after the call");
	takes = false;
	CHECK_EQ(test_describe(p.client, &in, NULL), MINIRPC_ENCODING_ERR);
	pair_close(&p);
	free_record(&in, 0);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
