/* PROTO: test.mx */
/* NEEDS: additions */
/*
 * What the stats of two sets say of the calls and messages between them, exactly: every
 * call is counted where it was made and where it arrived, and how it ended; the sums stay
 * when connections go.
 */
#include "view.h"
#include "keep.h"

static struct counter called = COUNTER_INIT, gate = COUNTER_INIT;
static struct counter replies = COUNTER_INIT;

static mrpc_status_t do_put(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	counter_add(&called, 1);
	if (*in < 0)
		COUNTER_WAIT(&gate, 1);
	return *in > 0 ? *in : MINIRPC_OK;
}

static const struct test_server_operations ops = {
	.ping = answer_ping, .add = answer_add, .put = do_put, .later_void = keep_later_void,
	.notify = count_notify
};

static void on_reply(void *conn, void *data, mrpc_status_t status)
{
	(void)conn;
	CHECK_EQ(status, *(int *)data);
	counter_add(&replies, 1);
}

int main(void)
{
	static const mrpc_status_t failed = MINIRPC_NETWORK_FAILURE;
	struct mrpc_set_stats client, server;
	struct mrpc_conn_stats ours, theirs;
	operands terms = { 1, 2 };
	number n, *sum;
	struct leaks leaks;
	struct pair pair;
	int i;

	leaks_begin(&leaks);
	pair_open(&pair, PAIR_SOCKETPAIR, test_client, test_server);
	REQUIRE_EQ(test_server_set_operations(pair.server, &ops), 0);

	SECTION("calls, by their statuses; what no handler gets");
	for (i = 0; i < 10; i++) {
		CHECK_EQ(test_add(pair.client, &terms, &sum), MINIRPC_OK);
		free_number(sum, 1);
	}
	for (n = 1; n <= 3; n++)
		CHECK_EQ(test_put(pair.client, &n), n);
	n = 1;
	CHECK_EQ(test_absent(pair.client, &n, &sum), MINIRPC_PROCEDURE_UNAVAIL);
	client = set_stats(pair.client_set);
	server = set_stats(pair.server_set);
	CHECK_EQ(client.calls_made, 14);
	CHECK_EQ(client.calls_ok, 10);
	CHECK_EQ(client.calls_status, 4);
	CHECK_EQ(client.calls_failed, 0);
	CHECK_EQ(client.calls_outstanding, 0);
	CHECK_EQ(server.requests_received, 14);
	CHECK_EQ(server.requests_answered, 13);
	CHECK_EQ(server.requests_refused, 1);
	CHECK_EQ(server.calls_made, 0);
	CHECK_EQ(client.requests_received, 0);

	SECTION("messages, and those without a handler");
	for (i = 0; i < 7; i++)
		CHECK_EQ(test_notify(pair.client, &n), MINIRPC_OK);
	for (i = 0; i < 2; i++)
		CHECK_EQ(test_absent_msg(pair.client, &n), MINIRPC_OK);
	CHECK_EQ(test_ping(pair.client), MINIRPC_OK);
	client = set_stats(pair.client_set);
	server = set_stats(pair.server_set);
	CHECK_EQ(client.messages_sent, 9);
	CHECK_EQ(server.messages_received, 9);
	CHECK_EQ(server.messages_dropped, 2);
	CHECK_EQ(counter_get(&notified), 7);

	SECTION("outstanding, kept and waiting ones");
	n = 0;
	for (i = 0; i < 3; i++)
		CHECK_EQ(test_later_void_async(pair.client, on_reply, (void *)&failed, &n), MINIRPC_OK);
	COUNTER_WAIT(&keeps, 3);
	WAIT_FOR(set_stats(pair.server_set).requests_kept == 3);
	n = -1;
	CHECK_EQ(test_put_async(pair.client, on_reply, (void *)&failed, &n), MINIRPC_OK);
	COUNTER_WAIT(&called, 3 + 1);
	for (i = 0; i < 5; i++)
		CHECK_EQ(test_put_async(pair.client, on_reply, (void *)&failed, &n), MINIRPC_OK);
	WAIT_FOR(set_stats(pair.server_set).requests_waiting == 5);
	client = set_stats(pair.client_set);
	server = set_stats(pair.server_set);
	CHECK_EQ(client.calls_outstanding, 9);
	CHECK_EQ(server.requests_received, 14 + 1 + 9);
	CHECK_EQ(server.requests_kept, 3);
	CHECK_EQ(server.bytes_undispatched, 5 * 4);
	ours = conn_stats(pair.client);
	theirs = conn_stats(pair.server);
	CHECK_EQ(ours.calls_outstanding, 9);
	CHECK_EQ(theirs.requests_kept, 3);
	CHECK_EQ(theirs.requests_waiting, 5);
	CHECK_EQ(theirs.bytes_undispatched, 5 * 4);
	CHECK_EQ(ours.messages_sent, 9);
	CHECK_EQ(theirs.messages_received, 9);

	SECTION("bytes are those of the counters, and what one end sent the other has received");
	CHECK_EQ(client.bytes_sent, conn_count(pair.client, MRPC_CONNCTR_SEND_BYTES));
	CHECK_EQ(server.bytes_received, client.bytes_sent);
	CHECK_EQ(client.bytes_received, server.bytes_sent);
	CHECK_EQ(ours.bytes_sent, client.bytes_sent);
	CHECK_EQ(theirs.bytes_sent, server.bytes_sent);
	CHECK_EQ(conn_count(pair.client, MRPC_CONNCTR_SEND_MSGS),
		 client.calls_made + client.messages_sent);
	CHECK_EQ(conn_count(pair.server, MRPC_CONNCTR_RECV_MSGS),
		 server.requests_received + server.messages_received);
	CHECK_EQ(conn_count(pair.server, MRPC_CONNCTR_SEND_MSGS),
		 server.requests_answered + server.requests_refused);

	SECTION("what has no answer at the end has failed");
	CHECK_EQ(mrpc_conn_close(pair.client), 0);
	COUNTER_WAIT(&pair.client_probe.disconnects, 1);
	COUNTER_WAIT(&replies, 9);
	client = set_stats(pair.client_set);
	CHECK_EQ(client.calls_failed, 9);
	CHECK_EQ(client.calls_outstanding, 0);
	CHECK_EQ(client.calls_made, client.calls_ok + client.calls_status + client.calls_failed);
	CHECK_EQ(client.calls_made, 14 + 1 + 9);
	counter_add(&gate, 1);
	COUNTER_WAIT(&pair.server_probe.disconnects, 1);

	SECTION("the sums stay, also when the handles go; what waited is gone");
	mrpc_conn_unref(pair.client);
	mrpc_conn_unref(pair.server);
	pair.client = pair.server = NULL;
	WAIT_FOR(set_stats(pair.server_set).connections == 0);
	server = set_stats(pair.server_set);
	CHECK_EQ(server.requests_received, 14 + 1 + 9);
	CHECK_EQ(server.requests_kept, 0);
	CHECK_EQ(server.requests_waiting, 0);
	CHECK_EQ(server.bytes_undispatched, 0);
	CHECK_EQ(server.bytes_received, set_stats(pair.client_set).bytes_sent);
	CHECK_EQ(set_stats(pair.client_set).calls_failed, 9);
	pair_unref(&pair);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
