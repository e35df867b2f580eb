/* PROTO: test.mx */
/*
 * Handlers that call back over the connection that called them, which calls
 * back in turn, some levels deep: each handler has released its event, and there
 * is a dispatcher for each level.
 */
#include "calls.h"

enum { DEPTH = 8, ROUNDS = 50, CALLERS = 3 };

static struct pair p;

/* The depth below, plus one. */
static mrpc_status_t relay(void *data, struct mrpc_message *msg, number *in, number *out)
{
	number below = *in - 1, *result = NULL;
	mrpc_status_t status = MINIRPC_OK;

	(void)msg;
	*out = 0;
	if (*in == 0)
		return MINIRPC_OK;
	CHECK_EQ(mrpc_release_event(), 0);
	if (data == &p.server_probe)
		status = test_client_relay(p.server, &below, &result);
	else
		status = test_relay(p.client, &below, &result);
	if (CHECK_EQ(status, MINIRPC_OK))
		*out = *result + 1;
	free_number(result, 1);
	return status;
}

static const struct test_server_operations server_ops = { .relay = relay };
static const struct test_client_operations client_ops = { .client_relay = relay };

static void *call(void *arg)
{
	int i;

	for (i = 0; i < ROUNDS; i++) {
		number depth = 1 + i % DEPTH, *out = NULL;
		mrpc_status_t status = arg != NULL ? test_relay(p.client, &depth, &out)
						   : test_client_relay(p.server, &depth, &out);

		if (!CHECK_EQ(status, MINIRPC_OK))
			break;
		CHECK_EQ(*out, depth);
		free_number(out, 1);
	}
	return NULL;
}

int main(void)
{
	pthread_t threads[CALLERS];
	struct leaks leaks;
	int i;

	leaks_begin(&leaks);
	pair_open(&p, PAIR_SOCKETPAIR, test_client, test_server);
	for (i = 1; i < CALLERS * (DEPTH / 2 + 1); i++) {
		REQUIRE_EQ(mrpc_start_dispatch_thread(p.client_set), 0);
		REQUIRE_EQ(mrpc_start_dispatch_thread(p.server_set), 0);
	}
	REQUIRE_EQ(test_server_set_operations(p.server, &server_ops), 0);
	REQUIRE_EQ(test_client_set_operations(p.client, &client_ops), 0);
	SECTION("up to %d levels, from the client", DEPTH);
	call(&p);
	SECTION("from the server");
	call(NULL);
	SECTION("from %d threads at once", CALLERS);
	for (i = 0; i < CALLERS; i++)
		threads[i] = thread_start(call, i % 2 ? &p : NULL);
	for (i = 0; i < CALLERS; i++)
		thread_join(threads[i]);
	pair_close(&p);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
