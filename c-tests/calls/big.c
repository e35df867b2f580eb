/* PROTO: test.mx */
/*
 * A mebibyte and more with the limits raised, in both directions at once over
 * one connection, from several threads; small calls between them.
 */
#include "calls.h"

#include <limits.h>

enum { MIB = 1 << 20, THREADS = 2, CALLS = 8 };

static struct pair p;

static const struct test_server_operations server_ops = { .add = answer_add, .echo = do_echo };
static const struct test_client_operations client_ops = {
	.client_add = answer_add, .client_echo = do_echo
};

/* Bytes that are out of place are seen. */
static void fill(char *bytes, u_int len, int seed)
{
	u_int i;

	for (i = 0; i < len; i++)
		bytes[i] = (char)(i * 7 + i / 251 + (u_int)seed);
}

static void echo(bool from_client, u_int len, int seed)
{
	blob in = { len, malloc(len) }, *out = NULL;
	mrpc_status_t status;

	fill(in.blob_val, len, seed);
	status = from_client ? test_echo(p.client, &in, &out)
			     : test_client_echo(p.server, &in, &out);
	if (CHECK_EQ(status, MINIRPC_OK) && CHECK_EQ(out->blob_len, len))
		CHECK_MEM(out->blob_val, in.blob_val, len);
	free_blob(out, 1);
	free(in.blob_val);
}

static void *client(void *arg)
{
	int seed = (int)(intptr_t)arg, i;

	for (i = 0; i < CALLS; i++) {
		echo(true, MIB + (u_int)i, seed + i);
		add_is_right(p.client, i, seed);
	}
	return NULL;
}

static void *server(void *arg)
{
	int seed = (int)(intptr_t)arg, i;

	for (i = 0; i < CALLS; i++) {
		echo(false, MIB + (u_int)i, seed + i);
		client_add_is_right(p.server, i, seed);
	}
	return NULL;
}

static void run(int kind, unsigned limit)
{
	pthread_t threads[2 * THREADS];
	int i;

	pair_open(&p, kind, test_client, test_server);
	REQUIRE_EQ(test_server_set_operations(p.server, &server_ops), 0);
	REQUIRE_EQ(test_client_set_operations(p.client, &client_ops), 0);
	REQUIRE_EQ(mrpc_set_max_buf_len(p.server_set, limit), 0);
	REQUIRE_EQ(mrpc_set_max_buf_len(p.client_set, limit), 0);
	for (i = 0; i < 2 * THREADS; i++)
		threads[i] = thread_start(i % 2 ? client : server, (void *)(intptr_t)i);
	for (i = 0; i < 2 * THREADS; i++)
		thread_join(threads[i]);
	CHECK_EQ(counter_get(&p.client_probe.ioerrs), 0);
	CHECK_EQ(counter_get(&p.server_probe.ioerrs), 0);
	if (limit == UINT_MAX)
		echo(true, 8 * MIB, 3);
	pair_close(&p);
}

int main(void)
{
	struct leaks leaks;

	leaks_begin(&leaks);
	SECTION("a limit just above, socketpair");
	run(PAIR_SOCKETPAIR, MIB + CALLS + 8);
	SECTION("UINT_MAX, TCP");
	run(PAIR_TCP, UINT_MAX);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
