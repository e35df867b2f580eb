/* PROTO: test.mx */
/*
 * One-way messages in both directions at once, with and without arguments: all
 * of them arrive, once, in order, with what was sent; no reply ever goes back.
 */
#include "calls.h"

enum { MESSAGES = 500 };

static struct pair p;
static struct counter arrived[2] = { COUNTER_INIT, COUNTER_INIT };

/* The three messages come in turn; message n has n in it. */
static void next(void *data, long remainder, long value)
{
	struct counter *c = &arrived[data == &p.server_probe];
	long n = counter_get(c);

	CHECK_EQ(n % 3, remainder);
	if (value >= 0)
		CHECK_EQ(value, n);
	counter_add(c, 1);
}

static void number_message(void *data, struct mrpc_message *msg, number *in)
{
	(void)msg;
	next(data, 0, *in);
}

static void void_message(void *data, struct mrpc_message *msg)
{
	(void)msg;
	next(data, 1, -1);
}

static void blob_message(void *data, struct mrpc_message *msg, blob *in)
{
	u_int i;

	(void)msg;
	for (i = 0; i < in->blob_len; i++)
		if (!CHECK_EQ((unsigned char)in->blob_val[i], in->blob_len & 0xff))
			break;
	next(data, 2, (long)in->blob_len);
}

static const struct test_server_operations server_ops = {
	.notify = number_message, .poke = void_message, .push = blob_message
};
static const struct test_client_operations client_ops = {
	.event = number_message, .tick = void_message, .flood = blob_message
};

static void *send_all(void *arg)
{
	bool from_client = arg == &p.client_probe;
	static char bytes[2][MESSAGES];
	int i;

	for (i = 0; i < MESSAGES; i++) {
		char *data = bytes[from_client];
		blob b = { (u_int)i, data };
		mrpc_status_t status;

		memset(data, i & 0xff, (size_t)i);
		if (i % 3 == 0)
			status = from_client ? test_notify(p.client, &i) : test_event(p.server, &i);
		else if (i % 3 == 1)
			status = from_client ? test_poke(p.client) : test_tick(p.server);
		else
			status = from_client ? test_push(p.client, &b) : test_flood(p.server, &b);
		if (!CHECK_EQ(status, MINIRPC_OK))
			break;
	}
	return NULL;
}

int main(void)
{
	pthread_t threads[2];
	struct leaks leaks;
	uint64_t sent, got;
	int kind;

	leaks_begin(&leaks);
	for (kind = PAIR_SOCKETPAIR; kind <= PAIR_TCP; kind++) {
		SECTION("%d messages each way, kind %d", MESSAGES, kind);
		counter_init(&arrived[0]);
		counter_init(&arrived[1]);
		pair_open(&p, kind, test_client, test_server);
		REQUIRE_EQ(mrpc_start_dispatch_thread(p.server_set), 0);
		REQUIRE_EQ(test_server_set_operations(p.server, &server_ops), 0);
		REQUIRE_EQ(test_client_set_operations(p.client, &client_ops), 0);
		threads[0] = thread_start(send_all, &p.client_probe);
		threads[1] = thread_start(send_all, &p.server_probe);
		thread_join(threads[0]);
		thread_join(threads[1]);
		COUNTER_WAIT(&arrived[0], MESSAGES);
		COUNTER_WAIT(&arrived[1], MESSAGES);
		SECTION("nothing else was sent, kind %d", kind);
		sent = conn_count(p.client, MRPC_CONNCTR_SEND_MSGS);
		got = conn_count(p.client, MRPC_CONNCTR_RECV_MSGS);
		CHECK_EQ(sent, MESSAGES);
		CHECK_EQ(got, MESSAGES);
		CHECK_EQ(conn_count(p.server, MRPC_CONNCTR_SEND_MSGS), MESSAGES);
		CHECK_EQ(conn_count(p.server, MRPC_CONNCTR_RECV_MSGS), MESSAGES);
		CHECK_EQ(counter_get(&p.client_probe.ioerrs), 0);
		CHECK_EQ(counter_get(&p.server_probe.ioerrs), 0);
		pair_close(&p);
	}
	LEAKS_CHECK(&leaks);
	return tap_done();
}
