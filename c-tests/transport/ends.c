/* PROTO: test.mx */
/* NEEDS: additions */
/* Closing, draining, and ends in the midst of something. */
#include "xor.h"
#include "keep.h"
#include "../drain/drain.h"

static struct counter received = COUNTER_INIT, entered = COUNTER_INIT, go_on = COUNTER_INIT;

static void push(void *data, struct mrpc_message *msg, blob *in)
{
	(void)data;
	(void)msg;
	counter_add(&received, in->blob_len);
}

static mrpc_status_t put(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	(void)in;
	counter_add(&entered, 1);
	COUNTER_WAIT(&go_on, 1);
	return MINIRPC_OK;
}

static const struct test_server_operations ops = { .push = push, .later = keep_later, .put = put };

static void open_pair(struct pair *pair)
{
	pair_open(pair, PAIR_TCP, test_client, test_server);
	REQUIRE_EQ(test_server_set_operations(pair->server, &ops), 0);
	REQUIRE_EQ(mrpc_set_max_buf_len(pair->server_set, 16 << 20), 0);
	counter_init(&received);
	counter_init(&entered);
	counter_init(&keeps);
	counter_init(&go_on);
}

static void *call_later(void *conn)
{
	number in = 5, *out = NULL;
	mrpc_status_t status = test_later(conn, &in, &out);

	if (status == MINIRPC_OK) {
		CHECK_EQ(*out, 6);
		free_number(out, 1);
	}
	return (void *)(intptr_t)status;
}

static void *call_put(void *conn)
{
	number in = 5;

	return (void *)(intptr_t)test_put(conn, &in);
}

int main(void)
{
	enum { BLOBS = 8, BLOB = 4 << 20 };
	struct drain drain;
	struct pair pair;
	blob in = { BLOB, calloc(1, BLOB) };
	pthread_t caller;
	int i;

	SECTION("close sends what is queued, and says that it is the end");
	open_pair(&pair);
	for (i = 0; i < BLOBS; i++)
		CHECK_EQ(test_push(pair.client, &in), MINIRPC_OK);
	CHECK_EQ(mrpc_conn_close(pair.client), 0);
	COUNTER_WAIT(&pair.server_probe.disconnects, 1);
	CHECK_EQ(counter_get(&received), (long)BLOBS * BLOB);
	CHECK_EQ(pair.server_probe.reason, MRPC_DISC_CLOSED);
	CHECK_EQ(counter_get(&pair.server_probe.ioerrs), 0);
	COUNTER_WAIT(&pair.client_probe.disconnects, 1);
	CHECK_EQ(pair.client_probe.reason, MRPC_DISC_USER);
	pair_unref(&pair);

	SECTION("a peer that closes while we wait for its reply");
	open_pair(&pair);
	caller = thread_start(call_later, pair.client);
	COUNTER_WAIT(&keeps, 1);
	CHECK_EQ(mrpc_conn_close(pair.server), 0);
	CHECK_EQ((intptr_t)thread_join(caller), MINIRPC_NETWORK_FAILURE);
	COUNTER_WAIT(&pair.client_probe.disconnects, 1);
	CHECK_EQ(pair.client_probe.reason, MRPC_DISC_CLOSED);
	CHECK_EQ(counter_get(&pair.client_probe.ioerrs), 0);
	COUNTER_WAIT(&pair.server_probe.disconnects, 1);
	pair_unref(&pair);

	SECTION("a drain: what has come is answered, then each side says that it ends");
	open_pair(&pair);
	caller = thread_start(call_put, pair.client);
	COUNTER_WAIT(&entered, 1);
	drain_start(&drain, pair.server_set, 10000);
	counter_add(&go_on, 1);
	CHECK_EQ((intptr_t)thread_join(caller), MINIRPC_OK);
	CHECK_EQ(drain_join(&drain), 0);
	COUNTER_WAIT(&pair.client_probe.disconnects, 1);
	COUNTER_WAIT(&pair.server_probe.disconnects, 1);
	CHECK_EQ(pair.client_probe.reason, MRPC_DISC_CLOSED);
	CHECK_EQ(pair.server_probe.reason, MRPC_DISC_CLOSED);
	CHECK_EQ(counter_get(&pair.client_probe.ioerrs), 0);
	CHECK_EQ(counter_get(&pair.server_probe.ioerrs), 0);
	pair_unref(&pair);

	SECTION("a drain with a request that is kept");
	open_pair(&pair);
	caller = thread_start(call_later, pair.client);
	COUNTER_WAIT(&keeps, 1);
	drain_start(&drain, pair.server_set, 10000);
	CHECK_EQ(answer_kept(0, 6), MINIRPC_OK);
	CHECK_EQ((intptr_t)thread_join(caller), MINIRPC_OK);
	CHECK_EQ(drain_join(&drain), 0);
	COUNTER_WAIT(&pair.client_probe.disconnects, 1);
	CHECK_EQ(pair.client_probe.reason, MRPC_DISC_CLOSED);
	pair_unref(&pair);
	WAIT_FOR(xor_world.freed == xor_world.opened);
	free(in.blob_val);
	return tap_done();
}
