/* PROTO: test.mx */
/* Calls that nobody waits for any more: a connection whose references are all
 * dropped, with async calls outstanding, some of them answered. */
#include "calls.h"

enum { CALLS = 200, ROUNDS = 10 };

static struct counter replies = COUNTER_INIT, failed = COUNTER_INIT;

static const struct test_server_operations ops = { .echo = do_echo };

static void on_reply(void *data, void *private, mrpc_status_t status, blob *reply)
{
	(void)data;
	(void)private;
	CHECK_EQ(reply != NULL, status == MINIRPC_OK);
	if (status != MINIRPC_OK) {
		CHECK_EQ(status, MINIRPC_NETWORK_FAILURE);
		counter_add(&failed, 1);
	}
	counter_add(&replies, 1);
}

int main(void)
{
	char bytes[300] = "";
	blob in = { sizeof(bytes), bytes };
	struct leaks leaks;
	struct pair p;
	int round, i;

	leaks_begin(&leaks);
	for (round = 0; round < ROUNDS; round++) {
		SECTION("%d calls, then a close at once, round %d", CALLS, round);
		counter_init(&replies);
		pair_open(&p, round % 2 ? PAIR_TCP : PAIR_SOCKETPAIR, test_client, test_server);
		REQUIRE_EQ(test_server_set_operations(p.server, &ops), 0);
		for (i = 0; i < CALLS; i++)
			CHECK_EQ(test_echo_async(p.client, on_reply, NULL, &in), MINIRPC_OK);
		CHECK_EQ(mrpc_conn_close(round % 3 ? p.client : p.server), 0);
		mrpc_conn_unref(p.client);
		p.client = NULL;
		COUNTER_WAIT(&p.client_probe.disconnects, 1);
		COUNTER_WAIT(&p.server_probe.disconnects, 1);
		CHECK_EQ(counter_get(&replies), CALLS);
		pair_unref(&p);
		LEAKS_CHECK(&leaks);
		CHECK_EQ(counter_get(&replies), CALLS);
	}
	tap_note("%ld of %d calls failed", counter_get(&failed), ROUNDS * CALLS);
	return tap_done();
}
