/* PROTO: test.mx */
/*
 * A sync call whose large argument the peer does not read returns at once when the
 * connection is closed; meanwhile its connection goes on receiving.
 */
#include "extra_rt.h"

enum { LEN = 8 << 20 };

static struct counter messages = COUNTER_INIT, returned = COUNTER_INIT;
static int caller;

static void event(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	CHECK_EQ(*in, counter_get(&messages));
	counter_add(&messages, 1);
}

static const struct test_client_operations ops = { .event = event };

static void *call(void *arg)
{
	struct end *e = arg;
	blob in = { LEN, calloc(1, LEN) }, *out = NULL;

	REQUIRE(in.blob_val != NULL);
	__atomic_store_n(&caller, thread_number(), __ATOMIC_SEQ_CST);
	CHECK_EQ(test_echo(e->conn, &in, &out), MINIRPC_NETWORK_FAILURE);
	CHECK(out == NULL);
	counter_add(&returned, 1);
	free(in.blob_val);
	return NULL;
}

static void run(bool tcp)
{
	unsigned char header[HEADER_LEN];
	pthread_t thread;
	struct end e;
	int64_t begun;
	int i;

	counter_init(&messages);
	counter_init(&returned);
	end_open(&e, test_client, 1, tcp);
	REQUIRE_EQ(test_client_set_operations(e.conn, &ops), 0);
	thread = thread_start(call, &e);
	REQUIRE(peer_read(e.fd, header, sizeof(header)));
	WAIT_FOR(thread_sleeps(__atomic_load_n(&caller, __ATOMIC_SEQ_CST)));
	for (i = 0; i < 100; i++)
		peer_number(e.fd, 0, nr_test_event, i);
	COUNTER_WAIT(&messages, 100);
	CHECK_EQ(counter_get(&returned), 0);
	begun = now_ms();
	CHECK_EQ(PROMPT(mrpc_conn_close(e.conn)), 0);
	thread_join(thread);
	CHECK(now_ms() - begun < scaled(1000));
	end_close(&e);
}

int main(void)
{
	SECTION("a Unix socket");
	run(false);
	SECTION("TCP");
	run(true);
	return tap_done();
}
