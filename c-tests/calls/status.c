/* PROTO: test.mx */
/*
 * The status that a handler returns is the caller's: positive ones, negative
 * ones, those of the library; with an error there are no data, and what the
 * handler had stored is freed all the same.
 */
#include "calls.h"

#include <limits.h>

static const mrpc_status_t statuses[] = {
	1, 42, INT_MAX, MINIRPC_ENCODING_ERR, MINIRPC_PROCEDURE_UNAVAIL,
	MINIRPC_INVALID_ARGUMENT, MINIRPC_INVALID_PROTOCOL, MINIRPC_NETWORK_FAILURE, -7, -1000,
	INT_MIN
};
enum { STATUSES = sizeof(statuses) / sizeof(*statuses) };

static struct counter replies = COUNTER_INIT;

static mrpc_status_t add(void *data, struct mrpc_message *msg, operands *in, number *out)
{
	(void)data;
	(void)msg;
	*out = 1;
	return in->a;
}

static mrpc_status_t put(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	return *in;
}

/* Would not encode: nobody is to try. */
static mrpc_status_t name(void *data, struct mrpc_message *msg, number *in, short_text *out)
{
	(void)data;
	(void)msg;
	*out = strdup("longer than the bound allows");
	return *in;
}

static const struct test_server_operations server_ops = { .add = add, .put = put, .name = name };
static const struct test_client_operations client_ops = {
	.client_add = add, .client_name = name
};

static void replied(void *data, void *private, mrpc_status_t status, short_text *reply)
{
	(void)data;
	CHECK_EQ(status, *(const mrpc_status_t *)private);
	CHECK(reply == NULL);
	counter_add(&replies, 1);
}

static void replied_void(void *data, void *private, mrpc_status_t status)
{
	replied(data, private, status, NULL);
}

int main(void)
{
	struct leaks leaks;
	struct pair p;
	int i;

	leaks_begin(&leaks);
	pair_open(&p, PAIR_SOCKETPAIR, test_client, test_server);
	REQUIRE_EQ(test_server_set_operations(p.server, &server_ops), 0);
	REQUIRE_EQ(test_client_set_operations(p.client, &client_ops), 0);

	for (i = 0; i < STATUSES; i++) {
		mrpc_status_t status = statuses[i];
		operands in = { status, 0 };
		number n = status, *out = &n;
		short_text nothing = NULL, *text = &nothing;

		SECTION("status %d, sync", status);
		CHECK_EQ(test_add(p.client, &in, &out), status);
		CHECK(out == NULL);
		CHECK_EQ(test_put(p.client, &n), status);
		CHECK_EQ(test_name(p.client, &n, &text), status);
		CHECK(text == NULL);
		out = &n;
		CHECK_EQ(test_client_add(p.server, &in, &out), status);
		CHECK(out == NULL);

		SECTION("status %d, async", status);
		CHECK_EQ(test_name_async(p.client, replied, (void *)&statuses[i], &n),
			 MINIRPC_OK);
		CHECK_EQ(test_put_async(p.client, replied_void, (void *)&statuses[i], &n),
			 MINIRPC_OK);
		CHECK_EQ(test_client_name_async(p.server, replied, (void *)&statuses[i], &n),
			 MINIRPC_OK);
		COUNTER_WAIT(&replies, 3 * i + 3);
	}
	CHECK_EQ(counter_get(&p.server_probe.ioerrs), 0);
	CHECK_EQ(counter_get(&p.client_probe.ioerrs), 0);
	pair_close(&p);
	CHECK_EQ(counter_get(&replies), 3 * STATUSES);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
