/* PROTO: test.mx */
/* mrpc_stop_events from inside the connection's own handler, whether it releases
 * its event or not; sync calls of a stopped connection go on. */
#include "extra_rt.h"

static struct trace trace = TRACE_INIT;
static struct counter gate = COUNTER_INIT;
static struct pair p;

static void notify(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	if (*in == 1 || *in == 2)
		CHECK_EQ(mrpc_stop_events(p.server), 0);
	if (*in == 2)
		CHECK_EQ(mrpc_release_event(), 0);
	trace_add(&trace, *in);
	if (*in == 2)
		COUNTER_WAIT(&gate, 1);
}

static const struct test_server_operations ops = { .notify = notify };
static const struct test_client_operations client_ops = { .client_add = answer_add };

static void send_numbers(int from, int to)
{
	for (; from <= to; from++)
		REQUIRE_EQ(test_notify(p.client, &from), MINIRPC_OK);
}

int main(void)
{
	operands in = { 40, 2 };
	number *out = NULL;

	pair_open(&p, PAIR_SOCKETPAIR, test_client, test_server);
	REQUIRE_EQ(mrpc_start_dispatch_thread(p.server_set), 0);
	REQUIRE_EQ(test_server_set_operations(p.server, &ops), 0);
	REQUIRE_EQ(test_client_set_operations(p.client, &client_ops), 0);

	SECTION("a handler stops its own connection");
	send_numbers(1, 1);
	send_numbers(10, 12);
	TRACE_WAIT(&trace, 1);
	STAYS(trace_len(&trace) == 1, 50);

	SECTION("a sync call of the stopped connection returns");
	REQUIRE_EQ(PROMPT(test_client_add(p.server, &in, &out)), MINIRPC_OK);
	CHECK_EQ(*out, 42);
	free_number(out, 1);
	CHECK_EQ(trace_len(&trace), 1);
	CHECK_EQ(mrpc_start_events(p.server), 0);
	TRACE_WAIT(&trace, 4);
	TRACE_IS(&trace, 1, 10, 11, 12);

	SECTION("a handler stops its connection, then releases its event");
	trace_clear(&trace);
	send_numbers(2, 2);
	send_numbers(20, 22);
	TRACE_WAIT(&trace, 1);
	STAYS(trace_len(&trace) == 1, 50);
	CHECK_EQ(mrpc_start_events(p.server), 0);
	TRACE_WAIT(&trace, 4);
	TRACE_IS(&trace, 2, 20, 21, 22);
	counter_add(&gate, 1);
	pair_close(&p);
	return tap_done();
}
