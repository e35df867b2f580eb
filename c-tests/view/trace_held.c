/* PROTO: test.mx */
/* NEEDS: additions */
/*
 * The trace function holds no lock and no right: while it sleeps in one thread, others go on,
 * on other connections, and where it is no dispatcher that sleeps, on the same one. And it can
 * be changed while it runs, as often as one likes.
 */
#include "traced.h"

enum { CHANGES = 200, FIRST = 1 };

/* A section's own: an old function may still be called, with its own data. */
struct hold {
	enum mrpc_trace_kind kind;
	struct counter entered, gate;
	int once;
};

static struct counter told = COUNTER_INIT, running = COUNTER_INIT;
static struct mrpc_connection *other;

static const struct test_server_operations ops = { .ping = answer_ping };

/* The first thread that comes with such a step of the first connection stays until it is let go. */
static void hold_up(void *data, const struct mrpc_trace_event *event)
{
	struct hold *hold = data;

	if (event->kind == hold->kind && event->connection == FIRST &&
	    __atomic_exchange_n(&hold->once, 1, __ATOMIC_ACQ_REL) == 0) {
		counter_add(&hold->entered, 1);
		COUNTER_WAIT(&hold->gate, 1);
	}
}

static void count(void *data, const struct mrpc_trace_event *event)
{
	CHECK_PTR(data, &told);
	CHECK_EQ(event->size, sizeof(*event));
	counter_add(&told, 1);
}

static void *call(void *conn)
{
	CHECK_EQ(test_ping(conn), MINIRPC_OK);
	return NULL;
}

static void *call_on(void *conn)
{
	while (counter_get(&running) > 0)
		CHECK_EQ(test_ping(conn), MINIRPC_OK);
	return NULL;
}

static struct hold *holds_nothing(struct pair *pair, enum mrpc_trace_kind kind, struct mrpc_conn_set *set,
			  const char *name)
{
	struct hold *hold = calloc(1, sizeof(*hold));
	pthread_t thread;
	int i;

	SECTION("a thread that is kept in the function, told of %s", name);
	REQUIRE(hold != NULL);
	hold->kind = kind;
	counter_init(&hold->entered);
	counter_init(&hold->gate);
	CHECK_EQ(mrpc_set_trace_func(set, hold_up, hold), 0);
	thread = thread_start(call, pair->client);
	COUNTER_WAIT(&hold->entered, 1);
	/* the server has two dispatchers, a connection one event at a time */
	for (i = 0; i < 20; i++)
		CHECK_EQ(PROMPT(test_ping(other)), MINIRPC_OK);
	if (set == pair->client_set)
		for (i = 0; i < 20; i++)
			CHECK_EQ(PROMPT(test_ping(pair->client)), MINIRPC_OK);
	set_stats(pair->client_set);
	set_stats(pair->server_set);
	conn_stats(pair->client);
	conn_stats(pair->server);
	CHECK_EQ(test_tick(pair->server), MINIRPC_OK);
	counter_add(&hold->gate, 1);
	thread_join(thread);
	CHECK_EQ(mrpc_set_trace_func(set, NULL, NULL), 0);
	return hold;
}

int main(void)
{
	struct leaks leaks;
	pthread_t thread;
	struct mrpc_connection *served;
	struct hold *holds[5];
	struct pair pair;
	int fds[2], i;

	leaks_begin(&leaks);
	pair_open(&pair, PAIR_SOCKETPAIR, test_client, test_server);
	REQUIRE_EQ(test_server_set_operations(pair.server, &ops), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(pair.server_set), 0);
	REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	REQUIRE_EQ(mrpc_conn_create(&other, pair.client_set, &pair.client_probe), 0);
	REQUIRE_EQ(mrpc_conn_create(&served, pair.server_set, &pair.server_probe), 0);
	REQUIRE_EQ(test_server_set_operations(served, &ops), 0);
	REQUIRE_EQ(mrpc_bind_fd(other, fds[0]), 0);
	REQUIRE_EQ(mrpc_bind_fd(served, fds[1]), 0);
	holds[0] = holds_nothing(&pair, MRPC_TRACE_REQUEST_OUT, pair.client_set, "REQUEST_OUT");
	holds[1] = holds_nothing(&pair, MRPC_TRACE_REPLY_IN, pair.client_set, "REPLY_IN");
	holds[2] = holds_nothing(&pair, MRPC_TRACE_REQUEST_IN, pair.server_set, "REQUEST_IN");
	holds[3] = holds_nothing(&pair, MRPC_TRACE_DISPATCHED, pair.server_set, "DISPATCHED");
	holds[4] = holds_nothing(&pair, MRPC_TRACE_ANSWERED, pair.server_set, "ANSWERED");

	SECTION("changed while it is being called");
	counter_add(&running, 1);
	thread = thread_start(call_on, pair.client);
	for (i = 0; i < CHANGES; i++) {
		CHECK_EQ(mrpc_set_trace_func(pair.client_set, count, &told), 0);
		CHECK_EQ(mrpc_set_trace_func(pair.server_set, i % 2 ? count : NULL, &told), 0);
	}
	COUNTER_WAIT(&told, CHANGES);
	counter_add(&running, -1);
	thread_join(thread);
	CHECK_EQ(mrpc_conn_close(other), 0);
	COUNTER_WAIT(&pair.client_probe.disconnects, 1);
	COUNTER_WAIT(&pair.server_probe.disconnects, 1);
	mrpc_conn_unref(other);
	mrpc_conn_unref(served);
	CHECK_EQ(mrpc_conn_close(pair.client), 0);
	COUNTER_WAIT(&pair.client_probe.disconnects, 2);
	COUNTER_WAIT(&pair.server_probe.disconnects, 2);
	pair_unref(&pair);
	LEAKS_CHECK(&leaks);
	/* the sets have ended */
	for (i = 0; i < 5; i++)
		free(holds[i]);
	return tap_done();
}
