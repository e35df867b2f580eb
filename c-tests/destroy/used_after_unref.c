/* PROTO: test.mx */
/*
 * An application may drop its last references to a live connection and to its
 * set, and go on using the handle until the disconnect: calls, messages,
 * counters, new operations, references again, close.
 */
#include "destroy.h"

static struct counter events = COUNTER_INIT;

static void tick(void *data, struct mrpc_message *msg)
{
	(void)data;
	(void)msg;
	counter_add(&events, 1);
}

static const struct test_server_operations server_ops = { .add = answer_add };
static const struct test_client_operations client_ops = { .tick = tick };
static const struct test_client_operations no_ops;

static void run(int kind, bool closes)
{
	struct leaks leaks;
	struct pair p;
	int i;

	leaks_begin(&leaks);
	counter_init(&events);
	pair_open(&p, kind, test_client, test_server);
	mrpc_conn_unref(p.client);
	mrpc_conn_set_unref(p.client_set);
	mrpc_conn_unref(p.server);
	mrpc_conn_set_unref(p.server_set);
	CHECK_EQ(test_server_set_operations(p.server, &server_ops), 0);
	CHECK_EQ(test_client_set_operations(p.client, &client_ops), 0);
	CHECK_EQ(mrpc_set_max_buf_len(p.client_set, 1000), 0);
	for (i = 0; i < 100; i++) {
		operands in = { i, 1 };
		number *out = NULL;

		if (!CHECK_EQ(test_add(p.client, &in, &out), MINIRPC_OK))
			break;
		CHECK_EQ(*out, i + 1);
		free_number(out, 1);
		CHECK_EQ(test_tick(p.server), MINIRPC_OK);
		mrpc_conn_ref(p.client);
		mrpc_conn_unref(p.client);
	}
	COUNTER_WAIT(&events, 100);
	CHECK_EQ(conn_count(p.client, MRPC_CONNCTR_RECV_MSGS), 200);
	CHECK_EQ(test_client_set_operations(p.client, &no_ops), 0);
	if (closes)
		CHECK_EQ(mrpc_conn_close(p.client), 0);
	else
		CHECK_EQ(mrpc_conn_close(p.server), 0);
	COUNTER_WAIT(&p.client_probe.disconnects, 1);
	COUNTER_WAIT(&p.server_probe.disconnects, 1);
	if (kind == PAIR_TCP)
		mrpc_listen_close(p.server_set);
	free(p.port);
	LEAKS_CHECK(&leaks);
}

int main(void)
{
	int i;

	for (i = 0; i < 8; i++) {
		SECTION("%s, closed by the %s", i & 1 ? "TCP" : "socketpair",
			i & 2 ? "client" : "server");
		run(i & 1 ? PAIR_TCP : PAIR_SOCKETPAIR, i & 2);
	}
	return tap_done();
}
