/* PROTO: test.mx */
/* NEEDS: additions */
/* TIMEOUT: 60 */
/*
 * Nothing is told twice, and nothing is left out: under load, with connections that come and
 * go, there are as many steps of each kind as the stats of both sets count.
 */
#include "view.h"

enum { CALLERS = 4, ROUNDS = 15, CALLS = 40, KINDS = MRPC_TRACE_ERROR + 1 };

static struct mrpc_conn_set *clients, *servers;
static struct counter at_client[KINDS], at_server[KINDS];
static struct counter replies = COUNTER_INIT;

static void count(void *data, const struct mrpc_trace_event *event)
{
	counter_add(&((struct counter *)data)[event->kind], 1);
}

static void do_notify(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	(void)in;
}

static const struct test_server_operations ops = {
	.ping = answer_ping, .add = answer_add, .notify = do_notify
};

static void on_reply(void *conn, void *data, mrpc_status_t status)
{
	(void)conn;
	(void)data;
	(void)status;
	counter_add(&replies, 1);
}

/* Sync and async calls, one that has no handler, and messages; each waits for its own. */
static void use(struct mrpc_connection *conn)
{
	number n = 1, *none;
	int i;

	for (i = 0; i < CALLS; i++) {
		CHECK_EQ(test_ping_async(conn, on_reply, NULL), MINIRPC_OK);
		if (i % 4 == 0)
			CHECK_EQ(test_notify(conn, &n), MINIRPC_OK);
		if (i % 8 == 0)
			CHECK_EQ(test_ping(conn), MINIRPC_OK);
	}
	CHECK_EQ(test_absent(conn, &n, &none), MINIRPC_PROCEDURE_UNAVAIL);
}

static void *visit(void *arg)
{
	struct mrpc_connection *client, *server;
	int fds[2], i;

	(void)arg;
	for (i = 0; i < ROUNDS; i++) {
		REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
		REQUIRE_EQ(mrpc_conn_create(&client, clients, NULL), 0);
		REQUIRE_EQ(mrpc_conn_create(&server, servers, NULL), 0);
		REQUIRE_EQ(test_server_set_operations(server, &ops), 0);
		REQUIRE_EQ(mrpc_bind_fd(client, fds[0]), 0);
		REQUIRE_EQ(mrpc_bind_fd(server, fds[1]), 0);
		use(client);
		/* the last call came back: so have all before it */
		CHECK_EQ(mrpc_conn_close(i % 2 ? client : server), 0);
		mrpc_conn_unref(client);
		mrpc_conn_unref(server);
	}
	return NULL;
}

/* Each thread tells of its last steps when it holds nothing any more. */
#define AS_MANY(counters, kind, wanted) \
	CHECK_MSG(WAIT_FOR(counter_get(&(counters)[kind]) == (long)(wanted)), \
		  #kind ": %ld, where " #wanted " is %ld", counter_get(&(counters)[kind]), \
		  (long)(wanted))

int main(void)
{
	struct mrpc_set_stats client, server;
	pthread_t threads[CALLERS];
	struct leaks leaks;
	int i;

	leaks_begin(&leaks);
	for (i = 0; i < KINDS; i++) {
		counter_init(&at_client[i]);
		counter_init(&at_server[i]);
	}
	REQUIRE_EQ(mrpc_conn_set_create(&clients, test_client, NULL), 0);
	REQUIRE_EQ(mrpc_conn_set_create(&servers, test_server, NULL), 0);
	REQUIRE_EQ(mrpc_set_trace_func(clients, count, at_client), 0);
	REQUIRE_EQ(mrpc_set_trace_func(servers, count, at_server), 0);
	for (i = 0; i < 2; i++) {
		REQUIRE_EQ(mrpc_start_dispatch_thread(clients), 0);
		REQUIRE_EQ(mrpc_start_dispatch_thread(servers), 0);
	}
	SECTION("%d connections, %d at a time", CALLERS * ROUNDS, CALLERS);
	for (i = 0; i < CALLERS; i++)
		threads[i] = thread_start(visit, NULL);
	for (i = 0; i < CALLERS; i++)
		thread_join(threads[i]);
	COUNTER_WAIT(&replies, CALLERS * ROUNDS * CALLS);
	WAIT_FOR(set_stats(clients).connections == 0 && set_stats(servers).connections == 0);
	client = set_stats(clients);
	server = set_stats(servers);
	AS_MANY(at_client, MRPC_TRACE_UP, client.bound);
	AS_MANY(at_client, MRPC_TRACE_DOWN, client.bound);
	AS_MANY(at_client, MRPC_TRACE_REQUEST_OUT, client.calls_made);
	AS_MANY(at_client, MRPC_TRACE_REPLY_IN, client.calls_ok + client.calls_status);
	AS_MANY(at_client, MRPC_TRACE_MESSAGE_OUT, client.messages_sent);
	AS_MANY(at_server, MRPC_TRACE_UP, server.bound);
	AS_MANY(at_server, MRPC_TRACE_DOWN, server.bound);
	AS_MANY(at_server, MRPC_TRACE_REQUEST_IN, server.requests_received);
	AS_MANY(at_server, MRPC_TRACE_ANSWERED, server.requests_answered);
	AS_MANY(at_server, MRPC_TRACE_REFUSED, server.requests_refused);
	AS_MANY(at_server, MRPC_TRACE_MESSAGE_IN, server.messages_received);
	AS_MANY(at_server, MRPC_TRACE_DISPATCHED,
		server.requests_received + server.messages_received);
	CHECK_EQ(client.calls_made, CALLERS * ROUNDS * (CALLS + CALLS / 8 + 1));
	CHECK_EQ(client.calls_made, server.requests_received);
	CHECK_EQ(server.requests_refused, CALLERS * ROUNDS);
	mrpc_conn_set_unref(clients);
	mrpc_conn_set_unref(servers);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
