/* PROTO: test.mx */
/* A handler that has released its event sends for a long time, both to its own
 * connection's peer; meanwhile the connection's other events are handled. */
#include "extra_rt.h"

enum { MESSAGES = 3000, REQUESTS = 100 };

static struct counter events = COUNTER_INIT, started = COUNTER_INIT;
static struct pair p;

static void poke(void *data, struct mrpc_message *msg)
{
	int i;

	(void)data;
	(void)msg;
	CHECK_EQ(mrpc_release_event(), 0);
	counter_add(&started, 1);
	for (i = 0; i < MESSAGES; i++)
		if (!CHECK_EQ(test_event(p.server, &i), MINIRPC_OK))
			return;
}

static void event(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	CHECK_EQ(*in, counter_get(&events));
	counter_add(&events, 1);
}

static const struct test_server_operations server_ops = { .poke = poke, .add = answer_add };
static const struct test_client_operations client_ops = { .event = event };

int main(void)
{
	int i;

	SECTION("calls are answered while a released handler sends %d messages", MESSAGES);
	pair_open(&p, PAIR_SOCKETPAIR, test_client, test_server);
	REQUIRE_EQ(mrpc_start_dispatch_thread(p.server_set), 0);
	REQUIRE_EQ(test_server_set_operations(p.server, &server_ops), 0);
	REQUIRE_EQ(test_client_set_operations(p.client, &client_ops), 0);
	REQUIRE_EQ(test_poke(p.client), MINIRPC_OK);
	COUNTER_WAIT(&started, 1);
	for (i = 0; i < REQUESTS; i++) {
		operands in = { i, 1 };
		number *out = NULL;

		REQUIRE_EQ(PROMPT(test_add(p.client, &in, &out)), MINIRPC_OK);
		CHECK_EQ(*out, i + 1);
		free_number(out, 1);
	}
	COUNTER_WAIT(&events, MESSAGES);
	pair_close(&p);
	return tap_done();
}
