/* PROTO: test.mx */
/*
 * A call with far more large pieces of data than one system call takes, sync
 * and async; then the connection is as good as before.
 */
#include "calls.h"

enum { PARTS = 1500, LEN = 40000 };

static struct counter replies = COUNTER_INIT;

static mrpc_status_t weigh(void *data, struct mrpc_message *msg, parcel *in, big *out)
{
	u_int i;

	(void)data;
	(void)msg;
	*out = 0;
	for (i = 0; i < in->parts.parts_len; i++) {
		const blob *part = &in->parts.parts_val[i];

		if (part->blob_val[0] != (char)i || part->blob_val[LEN - 1] != (char)i)
			return 77;
		*out += part->blob_len;
	}
	return MINIRPC_OK;
}

static const struct test_server_operations ops = { .weigh = weigh, .ping = answer_ping };

static void weighed(void *data, void *private, mrpc_status_t status, big *reply)
{
	(void)data;
	(void)private;
	CHECK_EQ(status, MINIRPC_OK);
	CHECK(reply != NULL && *reply == (big)PARTS * LEN);
	counter_add(&replies, 1);
}

int main(void)
{
	static blob parts[PARTS];
	parcel in = { { PARTS, parts } };
	struct leaks leaks;
	struct pair p;
	big *out = NULL;
	int i;

	leaks_begin(&leaks);
	for (i = 0; i < PARTS; i++) {
		parts[i].blob_len = LEN;
		parts[i].blob_val = malloc(LEN);
		memset(parts[i].blob_val, i, LEN);
	}
	pair_open(&p, PAIR_TCP, test_client, test_server);
	REQUIRE_EQ(mrpc_set_max_buf_len(p.server_set, UINT32_MAX), 0);
	REQUIRE_EQ(test_server_set_operations(p.server, &ops), 0);

	SECTION("%d pieces of %d bytes", PARTS, LEN);
	CHECK_EQ(test_weigh(p.client, &in, &out), MINIRPC_OK);
	CHECK(out != NULL && *out == (big)PARTS * LEN);
	free_big(out, 1);
	CHECK_EQ(test_weigh_async(p.client, weighed, NULL, &in), MINIRPC_OK);
	COUNTER_WAIT(&replies, 1);
	CHECK_EQ(test_ping(p.client), MINIRPC_OK);

	SECTION("nothing is left");
	for (i = 0; i < PARTS; i++)
		free(parts[i].blob_val);
	pair_close(&p);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
