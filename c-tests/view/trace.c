/* PROTO: test.mx */
/* NEEDS: additions */
/*
 * mrpc_set_trace_func: each step of a call and of a message, at both ends, with what
 * belongs to it, told by the thread that did it.
 */
#include "traced.h"
#include "keep.h"

enum { MS = 20 };

static struct steps client = STEPS_INIT, server = STEPS_INIT;
static long handler_thread;

static mrpc_status_t do_put(void *data, struct mrpc_message *msg, number *in)
{
	int64_t end = now_ms() + MS;

	(void)data;
	(void)msg;
	handler_thread = syscall(SYS_gettid);
	while (now_ms() < end)
		tap_pause();
	return *in;
}

static void do_notify(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	(void)in;
}

static const struct test_server_operations ops = {
	.put = do_put, .later_void = keep_later_void, .notify = do_notify
};

static void on_reply(void *conn, void *data, mrpc_status_t status)
{
	(void)conn;
	(void)data;
	CHECK_EQ(status, MINIRPC_OK);
}

/* What is the same in all steps; when it was. */
static uint64_t check(const struct step *s, uint64_t connection, uint32_t sequence, int status,
		      uint64_t bytes)
{
	CHECK_EQ(s->event.size, sizeof(s->event));
	CHECK_EQ(s->event.connection, connection);
	CHECK_EQ(s->event.sequence, sequence);
	CHECK_EQ(s->event.status, status);
	CHECK_EQ(s->event.bytes, bytes);
	CHECK_STR(s->text, "");
	return s->event.time_ns;
}

int main(void)
{
	struct step out, in, begun, answered, reply;
	uint64_t start, end, times[5];
	struct leaks leaks;
	struct pair pair;
	number n = 3;
	int i;

	leaks_begin(&leaks);
	pair_open(&pair, PAIR_SOCKETPAIR, test_client, test_server);
	REQUIRE_EQ(test_server_set_operations(pair.server, &ops), 0);
	CHECK_EQ(mrpc_set_trace_func(NULL, note_step, &client), EINVAL);
	CHECK_EQ(mrpc_set_trace_func(pair.client_set, note_step, &client), 0);
	CHECK_EQ(mrpc_set_trace_func(pair.server_set, note_step, &server), 0);

	SECTION("a call: sent, arrived, dispatched, answered, back");
	start = now_ns();
	CHECK_EQ(test_put(pair.client, &n), 3);
	end = now_ns();
	out = wait_step(&client, MRPC_TRACE_REQUEST_OUT, nr_test_put);
	in = wait_step(&server, MRPC_TRACE_REQUEST_IN, nr_test_put);
	begun = wait_step(&server, MRPC_TRACE_DISPATCHED, nr_test_put);
	answered = wait_step(&server, MRPC_TRACE_ANSWERED, nr_test_put);
	reply = wait_step(&client, MRPC_TRACE_REPLY_IN, nr_test_put);
	times[0] = check(&out, 1, 0, 0, 20);
	times[1] = check(&in, 1, 0, 0, 20);
	times[2] = check(&begun, 1, 0, 0, 0);
	times[3] = check(&answered, 1, 0, 3, 16);
	times[4] = check(&reply, 1, 0, 3, 16);
	CHECK(start <= times[0] && times[4] <= end);
	for (i = 1; i < 5; i++)
		CHECK_MSG(times[i - 1] <= times[i], "step %d is %lld ns before the one before", i,
			  (long long)(times[i - 1] - times[i]));
	CHECK_EQ(out.event.took_ns, 0);
	CHECK_EQ(in.event.took_ns, 0);
	CHECK_EQ(begun.event.took_ns, times[2] - times[1]);
	CHECK_EQ(answered.event.took_ns, times[3] - times[2]);
	CHECK(answered.event.took_ns >= (MS - 1) * 1000000);
	CHECK_EQ(reply.event.took_ns, times[4] - times[0]);
	CHECK_EQ(counter_get(&client.count), 2);
	CHECK_EQ(counter_get(&server.count), 3);

	SECTION("by the threads that did it: the caller, and the one that ran the handler");
	CHECK_EQ(out.thread, syscall(SYS_gettid));
	CHECK_EQ(begun.thread, handler_thread);
	CHECK_EQ(answered.thread, handler_thread);

	SECTION("a message has no reply");
	forget_steps(&client);
	forget_steps(&server);
	CHECK_EQ(test_notify(pair.client, &n), MINIRPC_OK);
	out = wait_step(&client, MRPC_TRACE_MESSAGE_OUT, nr_test_notify);
	in = wait_step(&server, MRPC_TRACE_MESSAGE_IN, nr_test_notify);
	begun = wait_step(&server, MRPC_TRACE_DISPATCHED, nr_test_notify);
	times[0] = check(&out, 1, 1, 0, 20);
	times[1] = check(&in, 1, 1, 0, 20);
	times[2] = check(&begun, 1, 1, 0, 0);
	CHECK(times[0] <= times[1] && times[1] <= times[2]);
	STAYS(counter_get(&server.count) == 2 && counter_get(&client.count) == 1, 20);

	SECTION("a request that is kept is answered when it is, by who does it");
	forget_steps(&client);
	forget_steps(&server);
	CHECK_EQ(test_later_void_async(pair.client, on_reply, NULL, &n), MINIRPC_OK);
	COUNTER_WAIT(&keeps, 1);
	begun = wait_step(&server, MRPC_TRACE_DISPATCHED, nr_test_later_void);
	STAYS(count_steps(&server, MRPC_TRACE_ANSWERED, nr_test_later_void) == 0, MS);
	CHECK_EQ(test_later_void_send_async_reply(kept[0]), MINIRPC_OK);
	answered = wait_step(&server, MRPC_TRACE_ANSWERED, nr_test_later_void);
	reply = wait_step(&client, MRPC_TRACE_REPLY_IN, nr_test_later_void);
	check(&answered, 1, 2, MINIRPC_OK, 16);
	check(&reply, 1, 2, MINIRPC_OK, 16);
	CHECK_EQ(answered.thread, syscall(SYS_gettid));
	CHECK(answered.event.took_ns >= (MS - 1) * 1000000);
	CHECK_EQ(answered.event.took_ns, answered.event.time_ns - begun.event.time_ns);

	SECTION("none: nothing is told any more");
	CHECK_EQ(mrpc_set_trace_func(pair.client_set, NULL, NULL), 0);
	CHECK_EQ(mrpc_set_trace_func(pair.server_set, NULL, NULL), 0);
	forget_steps(&client);
	forget_steps(&server);
	CHECK_EQ(test_put(pair.client, &n), 3);
	pair_close(&pair);
	CHECK_EQ(counter_get(&client.count), 0);
	CHECK_EQ(counter_get(&server.count), 0);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
