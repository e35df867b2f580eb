/* PROTO: test.mx */
/* Many threads share one connection; each gets its own replies. */
#include "calls.h"

enum { THREADS = 16, CALLS = 60 };

static struct pair p;

static const struct test_server_operations ops = { .add = answer_add, .echo = do_echo };

static void *call(void *arg)
{
	int me = (int)(intptr_t)arg, i;
	char bytes[64];
	blob in = { 0, bytes }, *out = NULL;

	memset(bytes, me + 1, sizeof(bytes));
	for (i = 0; i < CALLS; i++) {
		if (!add_is_right(p.client, me * 1000, i))
			break;
		in.blob_len = (u_int)(i + me) % sizeof(bytes);
		if (!CHECK_EQ(test_echo(p.client, &in, &out), MINIRPC_OK))
			break;
		if (CHECK_EQ(out->blob_len, in.blob_len))
			CHECK_MEM(out->blob_val, bytes, in.blob_len);
		free_blob(out, 1);
		out = NULL;
	}
	return NULL;
}

int main(void)
{
	pthread_t threads[THREADS];
	struct leaks leaks;
	int kind, i;

	leaks_begin(&leaks);
	for (kind = PAIR_SOCKETPAIR; kind <= PAIR_TCP; kind++) {
		SECTION("%d threads, kind %d", THREADS, kind);
		pair_open(&p, kind, test_client, test_server);
		REQUIRE_EQ(test_server_set_operations(p.server, &ops), 0);
		for (i = 0; i < THREADS; i++)
			threads[i] = thread_start(call, (void *)(intptr_t)i);
		for (i = 0; i < THREADS; i++)
			thread_join(threads[i]);
		CHECK_EQ(conn_count(p.client, MRPC_CONNCTR_RECV_MSGS), 2 * THREADS * CALLS);
		pair_close(&p);
	}
	LEAKS_CHECK(&leaks);
	return tap_done();
}
