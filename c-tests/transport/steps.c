/* PROTO: test.mx */
/* NEEDS: additions */
/* A sync call takes one batch and one read on each side; what is gathered is sealed at once; the
 * transport's own bytes pass in between; it may take as little as it likes. */
#include "xor.h"
#include "handlers.h"

#include "test_client.h"

static const struct test_server_operations ops = {
	.ping = answer_ping, .echo = answer_echo, .notify = count_notify
};

static void call_with(struct pair *pair, u_int len, int fill)
{
	blob in, *out = NULL;
	u_int i;

	in.blob_len = len;
	in.blob_val = malloc(len);
	for (i = 0; i < len; i++)
		in.blob_val[i] = fill < 0 ? (char)(i * 7 + i / 251) : (char)fill;
	REQUIRE_EQ(test_echo(pair->client, &in, &out), MINIRPC_OK);
	CHECK_EQ(out->blob_len, len);
	CHECK(memcmp(out->blob_val, in.blob_val, len) == 0);
	free(in.blob_val);
	free_blob(out, 1);
}

int main(void)
{
	enum { CALLS = 500, MESSAGES = 20000 };
	struct pair pair;
	long seals, reads;
	int i;

	pair_open(&pair, PAIR_TCP, test_client, test_server);
	REQUIRE_EQ(test_server_set_operations(pair.server, &ops), 0);
	REQUIRE_EQ(mrpc_set_max_buf_len(pair.client_set, 64 << 20), 0);
	REQUIRE_EQ(mrpc_set_max_buf_len(pair.server_set, 64 << 20), 0);
	CHECK_EQ(test_ping(pair.client), MINIRPC_OK);

	SECTION("a sync call is one batch and one read on each side");
	seals = xor_world.seals;
	reads = xor_world.reads;
	for (i = 0; i < CALLS; i++)
		CHECK_EQ(test_ping(pair.client), MINIRPC_OK);
	CHECK_EQ(xor_world.seals - seals, 2 * CALLS);
	CHECK_EQ(xor_world.reads - reads, 2 * CALLS);

	SECTION("messages are gathered before they are sealed");
	seals = xor_world.seals;
	for (i = 0; i < MESSAGES; i++) {
		number n = i;

		CHECK_EQ(test_notify(pair.client, &n), MINIRPC_OK);
	}
	COUNTER_WAIT(&notified, MESSAGES);
	CHECK_MSG(xor_world.seals - seals < MESSAGES / 4, "%ld batches of %d messages",
		  xor_world.seals - seals, MESSAGES);

	SECTION("large payloads, also of what grows when it is sealed");
	for (i = 0; i < 8; i++) {
		call_with(&pair, 5 << 20, -1);
		call_with(&pair, (3 << 20) + i, ESCAPE);
	}

	SECTION("bytes of the transport's own, in answer to what was read");
	xor_world.asks = true;
	for (i = 0; i < CALLS; i++)
		CHECK_EQ(test_ping(pair.client), MINIRPC_OK);
	WAIT_FOR(xor_world.questions >= CALLS && xor_world.answers >= CALLS);
	call_with(&pair, 5 << 20, -1);
	WAIT_FOR(xor_world.answers == xor_world.questions);
	xor_world.asks = false;

	SECTION("one that takes a little at a time");
	xor_world.sip = 1;
	CHECK_EQ(test_ping(pair.client), MINIRPC_OK);
	call_with(&pair, 1000, -1);
	xor_world.sip = 1000;
	call_with(&pair, 1 << 20, -1);
	xor_world.sip = 0;
	CHECK_EQ(counter_get(&pair.client_probe.ioerrs), 0);
	CHECK_EQ(counter_get(&pair.server_probe.ioerrs), 0);
	pair_close(&pair);
	return tap_done();
}
