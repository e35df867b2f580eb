/* PROTO: test.mx */
/*
 * Async calls: the callback fires exactly once, with the connection's cookie and
 * the call's own pointer; three arguments where the reply is void, else four;
 * the reply belongs to the library.
 */
#include "calls.h"

enum { CALLS = 300 };

static int fired[3][CALLS];
static struct counter replies = COUNTER_INIT;
static struct pair p;

static mrpc_status_t name(void *data, struct mrpc_message *msg, number *in, short_text *out)
{
	char text[16];

	(void)data;
	(void)msg;
	snprintf(text, sizeof(text), "n%d", *in);
	*out = strdup(text);
	return MINIRPC_OK;
}

static mrpc_status_t put(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	return *in % 2 ? MINIRPC_OK : 9;
}

static const struct test_server_operations server_ops = {
	.ping = answer_ping, .put = put, .name = name
};
static const struct test_client_operations client_ops = {
	.client_ping = answer_ping, .client_name = name
};

static void count(int *slot)
{
	(*slot)++;
	counter_add(&replies, 1);
}

static void on_ping(void *data, void *private, mrpc_status_t status)
{
	CHECK_PTR(data, &p.client_probe);
	CHECK_EQ(status, MINIRPC_OK);
	count(private);
}

static void on_put(void *data, void *private, mrpc_status_t status)
{
	CHECK_PTR(data, &p.client_probe);
	CHECK_EQ(status, ((int *)private - fired[1]) % 2 ? MINIRPC_OK : 9);
	count(private);
}

static void check_name(short_text *reply, long i)
{
	char text[16];

	snprintf(text, sizeof(text), "n%ld", i);
	if (CHECK(reply != NULL))
		CHECK_STR(*reply, text);
}

static void on_name(void *data, void *private, mrpc_status_t status, short_text *reply)
{
	CHECK_PTR(data, &p.client_probe);
	CHECK_EQ(status, MINIRPC_OK);
	check_name(reply, (int *)private - fired[2]);
	count(private);
}

static void on_client_name(void *data, void *private, mrpc_status_t status,
			   short_text *reply)
{
	CHECK_PTR(data, &p.server_probe);
	CHECK_EQ(status, MINIRPC_OK);
	check_name(reply, (intptr_t)private);
	counter_add(&replies, 1);
}

static void on_null(void *data, void *private, mrpc_status_t status)
{
	CHECK_PTR(data, &p.client_probe);
	CHECK_PTR(private, NULL);
	CHECK_EQ(status, MINIRPC_OK);
	counter_add(&replies, 1);
}

int main(void)
{
	struct leaks leaks;
	int i, k;

	leaks_begin(&leaks);
	pair_open(&p, PAIR_TCP, test_client, test_server);
	REQUIRE_EQ(test_server_set_operations(p.server, &server_ops), 0);
	REQUIRE_EQ(test_client_set_operations(p.client, &client_ops), 0);

	SECTION("%d calls of three kinds", 3 * CALLS);
	for (i = 0; i < CALLS; i++) {
		CHECK_EQ(test_ping_async(p.client, on_ping, &fired[0][i]), MINIRPC_OK);
		CHECK_EQ(test_put_async(p.client, on_put, &fired[1][i], &i), MINIRPC_OK);
		CHECK_EQ(test_name_async(p.client, on_name, &fired[2][i], &i), MINIRPC_OK);
	}
	COUNTER_WAIT(&replies, 3 * CALLS);

	SECTION("from the server to the client");
	for (i = 0; i < CALLS; i++)
		CHECK_EQ(test_client_name_async(p.server, on_client_name,
						(void *)(intptr_t)i, &i), MINIRPC_OK);
	COUNTER_WAIT(&replies, 4 * CALLS);

	SECTION("a private pointer of NULL");
	CHECK_EQ(test_ping_async(p.client, on_null, NULL), MINIRPC_OK);
	COUNTER_WAIT(&replies, 4 * CALLS + 1);

	SECTION("each once, also after the connection has gone");
	pair_close(&p);
	CHECK_EQ(counter_get(&replies), 4 * CALLS + 1);
	for (k = 0; k < 3; k++)
		for (i = 0; i < CALLS; i++)
			CHECK_EQ(fired[k][i], 1);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
