/* PROTO: test.mx */
/* NEEDS: additions */
/*
 * mrpc_set_latency_enabled: histograms of calls, waits and handlers, filled only while
 * enabled; each sample is in the bucket of its time.
 */
#include "view.h"

enum { MS = 30, CALLS = 20 };

static mrpc_status_t do_put(void *data, struct mrpc_message *msg, number *in)
{
	int64_t end = now_ms() + *in;

	(void)data;
	(void)msg;
	while (now_ms() < end)
		tap_pause();
	return MINIRPC_OK;
}

static const struct test_server_operations ops = {
	.ping = answer_ping, .put = do_put, .notify = count_notify
};

static uint64_t lower(int bucket)
{
	return ((uint64_t)1 << (bucket / 4)) * (uint64_t)(4 + bucket % 4) * 250;
}

/* As many samples as counted, and a sum that the buckets allow. */
static void is_sound(const struct mrpc_histogram *h, uint64_t count)
{
	uint64_t n = 0, least = 0, most = 0;
	int i, last = -1;

	for (i = 0; i < 108; i++) {
		n += h->bucket[i];
		least += h->bucket[i] * (i == 0 ? 0 : lower(i));
		most += h->bucket[i] * lower(i + 1);
		if (h->bucket[i] > 0)
			last = i;
	}
	CHECK_EQ(h->count, count);
	CHECK_EQ(n, count);
	CHECK(h->sum_ns >= least && h->sum_ns <= most);
	if (last >= 0)
		CHECK(h->max_ns >= (last == 0 ? 0 : lower(last)) && h->max_ns < lower(last + 1));
	CHECK(h->max_ns <= h->sum_ns);
}

int main(void)
{
	struct mrpc_set_stats client, server, before;
	struct leaks leaks;
	struct pair pair;
	number n = 0;
	int i;

	leaks_begin(&leaks);
	pair_open(&pair, PAIR_SOCKETPAIR, test_client, test_server);
	REQUIRE_EQ(test_server_set_operations(pair.server, &ops), 0);
	SECTION("off, as at first: nothing");
	CHECK_EQ(test_ping(pair.client), MINIRPC_OK);
	client = set_stats(pair.client_set);
	server = set_stats(pair.server_set);
	is_sound(&client.call_time, 0);
	is_sound(&server.dispatch_wait, 0);
	is_sound(&server.handler_time, 0);

	SECTION("on: every call, every wait, every handler");
	CHECK_EQ(mrpc_set_latency_enabled(pair.client_set, 1), 0);
	CHECK_EQ(mrpc_set_latency_enabled(pair.server_set, 1), 0);
	for (i = 0; i < CALLS; i++)
		CHECK_EQ(test_ping(pair.client), MINIRPC_OK);
	CHECK_EQ(test_notify(pair.client, &n), MINIRPC_OK);
	COUNTER_WAIT(&notified, 1);
	n = MS;
	CHECK_EQ(test_put(pair.client, &n), MINIRPC_OK);
	client = set_stats(pair.client_set);
	is_sound(&client.call_time, CALLS + 1);
	is_sound(&client.dispatch_wait, 0);
	is_sound(&client.handler_time, 0);
	CHECK(client.call_time.max_ns >= (MS - 1) * 1000000);
	/* a message's handler may be on its way out when the next has begun */
	WAIT_FOR(set_stats(pair.server_set).handler_time.count == CALLS + 2);
	server = set_stats(pair.server_set);
	is_sound(&server.call_time, 0);
	is_sound(&server.dispatch_wait, CALLS + 2);
	is_sound(&server.handler_time, CALLS + 2);
	CHECK(server.handler_time.max_ns >= (MS - 1) * 1000000);
	CHECK(server.handler_time.max_ns <= client.call_time.max_ns);

	SECTION("a wait for events that are held back");
	CHECK_EQ(mrpc_stop_events(pair.server), 0);
	n = 0;
	CHECK_EQ(test_notify(pair.client, &n), MINIRPC_OK);
	WAIT_FOR(set_stats(pair.server_set).messages_received == 2);
	n = (number)(now_ms() + MS);
	while ((number)now_ms() < n)
		tap_pause();
	CHECK_EQ(mrpc_start_events(pair.server), 0);
	COUNTER_WAIT(&notified, 2);
	WAIT_FOR(set_stats(pair.server_set).handler_time.count == CALLS + 3);
	CHECK(set_stats(pair.server_set).dispatch_wait.max_ns >= (MS - 1) * 1000000);

	SECTION("off again: what there is stays, and nothing comes");
	CHECK_EQ(mrpc_set_latency_enabled(pair.client_set, 0), 0);
	CHECK_EQ(mrpc_set_latency_enabled(pair.server_set, 0), 0);
	before = set_stats(pair.server_set);
	CHECK_EQ(test_ping(pair.client), MINIRPC_OK);
	client = set_stats(pair.client_set);
	server = set_stats(pair.server_set);
	is_sound(&client.call_time, CALLS + 1);
	CHECK_MEM(&server.handler_time, &before.handler_time, sizeof(server.handler_time));
	CHECK_MEM(&server.dispatch_wait, &before.dispatch_wait, sizeof(server.dispatch_wait));

	SECTION("on again: it goes on");
	CHECK_EQ(mrpc_set_latency_enabled(pair.client_set, 7), 0);
	CHECK_EQ(test_ping(pair.client), MINIRPC_OK);
	client = set_stats(pair.client_set);
	is_sound(&client.call_time, CALLS + 2);
	pair_close(&pair);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
