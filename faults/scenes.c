/* Scenes of calls, and the list of all scenes. */
#define _GNU_SOURCE
#include <stdatomic.h>

#include "scenes.h"

#include <sys/socket.h>

static void play_sync(void)
{
	struct link *link = link_open();

	call_ping(link);
	call_add(link);
	call_echo(link, 0);
	call_echo(link, 40000);
	call_add(link);
	link_close(link);
}

static void play_async(void)
{
	struct link *link = link_open();
	int i;

	for (i = 0; i < 20; i++)
		ask_add(link);
	await_answers();
	for (i = 0; i < 3; i++)
		ask_echo(link, 20000);
	call_ping(link);
	await_answers();
	/* Some have to be ended by it. */
	for (i = 0; i < 5; i++)
		ask_add(link);
	await_answers();
	link_close(link);
}

static void play_messages(void)
{
	struct link *link = link_open();
	int i;

	for (i = 0; i < 30; i++)
		tell(link, i % 3);
	push(link, 20000);
	push(link, 3);
	call_ping(link);
	if (is_unnoticed()) {
		CHECK_EQ(atomic_load(&arena.messages), 32);
		AWAIT(atomic_load(&arena.events) == 20);
	}
	link_close(link);
}

static void play_both_ways(void)
{
	struct link *link = link_open();
	number in = 6, *out = NULL;
	int i;

	for (i = 0; link != NULL && i < 3; i++) {
		if (judge(test_relay(link->conn, &in, &out), MINIRPC_OK, "relay") && out != NULL)
			CHECK_EQ(*out, 7);
		free_number(out, 1);
		out = NULL;
	}
	link_close(link);
}

/* ---- calls that end early ---- */

static void on_late(void *data, void *want, mrpc_status_t status, number *out)
{
	(void)data;
	CHECK(out == NULL);
	judge(status, (mrpc_status_t)(intptr_t)want, "a call that ends early");
	atomic_fetch_add(&arena.answered, 1);
}

struct canceller {
	struct mrpc_connection *conn;
	mrpc_call_t call;
	atomic_bool over;
};

static void *cancel(void *arg)
{
	struct canceller *c = arg;
	mrpc_call_t call;

	while ((call = __atomic_load_n(&c->call, __ATOMIC_ACQUIRE)) == 0 && !atomic_load(&c->over))
		tap_pause();
	if (call != 0) {
		int error = mrpc_call_cancel(c->conn, call);

		CHECK_MSG(error == 0 || (!is_unnoticed() && error == ENOENT),
			  "mrpc_call_cancel returned %d", error);
	}
	return NULL;
}

static void ask_late(struct link *link, const struct mrpc_call_options *options, mrpc_status_t want)
{
	number in = 1;
	mrpc_status_t status = test_later_async_with(link->conn, options, on_late,
						     (void *)(intptr_t)want, &in);

	judge(status, MINIRPC_OK, "to ask with options");
	if (status == MINIRPC_OK)
		atomic_fetch_add(&arena.asked, 1);
}

static void play_early_ends(void)
{
	struct mrpc_call_options short_time = MRPC_CALL_OPTIONS_INIT;
	struct mrpc_call_options can_cancel = MRPC_CALL_OPTIONS_INIT;
	struct link *link = link_open();
	struct canceller c = { 0 };
	mrpc_call_t call = 0;
	number in = 1, *out = NULL;
	pthread_t thread;

	if (link == NULL)
		return;
	short_time.timeout_ms = 15;
	judge(test_later_with(link->conn, &short_time, &in, &out), MINIRPC_TIMEDOUT, "a short call");
	CHECK(out == NULL);
	ask_late(link, &short_time, MINIRPC_TIMEDOUT);
	can_cancel.call = &call;
	ask_late(link, &can_cancel, MINIRPC_CANCELLED);
	if (call != 0) {
		int error = mrpc_call_cancel(link->conn, call);

		CHECK_MSG(error == 0 || (!is_unnoticed() && error == ENOENT),
			  "mrpc_call_cancel returned %d", error);
	}
	c.conn = link->conn;
	can_cancel.call = &c.call;
	thread = thread_start(cancel, &c);
	judge(test_later_with(link->conn, &can_cancel, &in, &out), MINIRPC_CANCELLED,
	      "a cancelled call");
	CHECK(out == NULL);
	atomic_store(&c.over, true);
	thread_join(thread);
	await_answers();
	answer_kept();
	call_ping(link);
	link_close(link);
}

/* ---- looking on ---- */

static void note_step(void *data, const struct mrpc_trace_event *event)
{
	(void)event;
	atomic_fetch_add((atomic_long *)data, 1);
}

static void note_conn(void *data, struct mrpc_connection *conn)
{
	uint64_t id;

	CHECK_EQ(mrpc_conn_get_id(conn, &id), 0);
	atomic_fetch_add((atomic_long *)data, 1);
}

static void play_looking_on(void)
{
	static atomic_long steps, conns;
	struct mrpc_set_stats stats = { .size = sizeof(stats) };
	struct mrpc_conn_stats of_one = { .size = sizeof(of_one) };
	struct sockaddr_storage at;
	socklen_t len = sizeof(at);
	struct link *link;
	uint64_t n;

	atomic_store(&steps, 0);
	atomic_store(&conns, 0);
	CHECK_EQ(mrpc_set_trace_func(arena.server, note_step, &steps), 0);
	CHECK_EQ(mrpc_set_latency_enabled(arena.client, 1), 0);
	link = link_open();
	call_add(link);
	ask_add(link);
	await_answers();
	CHECK_EQ(mrpc_get_stats(arena.client, &stats), 0);
	CHECK(stats.connections >= 1);
	CHECK_EQ(mrpc_for_each_connection(arena.client, note_conn, &conns), 0);
	CHECK(atomic_load(&conns) >= 1);
	if (link != NULL) {
		CHECK_EQ(mrpc_conn_get_stats(link->conn, &of_one), 0);
		CHECK_EQ(mrpc_conn_get_counter(link->conn, MRPC_CONNCTR_SEND_MSGS, &n), 0);
		judge_errno(mrpc_conn_get_peer_address(link->conn, (struct sockaddr *)&at, &len),
			    "mrpc_conn_get_peer_address");
		len = sizeof(at);
		judge_errno(mrpc_conn_get_local_address(link->conn, (struct sockaddr *)&at, &len),
			    "mrpc_conn_get_local_address");
	}
	link_close(link);
	CHECK_EQ(mrpc_set_trace_func(arena.server, NULL, NULL), 0);
}

/* ---- much ---- */

static void play_long_payloads(void)
{
	struct link *link = link_open();
	int i;

	call_echo(link, 300000);
	for (i = 0; i < 3; i++)
		ask_echo(link, 300000);
	for (i = 0; i < 3; i++)
		push(link, 300000);
	call_ping(link);
	await_answers();
	link_close(link);
}

static void play_crowd(void)
{
	enum { MANY = 6 };
	struct link *crowd[MANY];
	int i;

	for (i = 0; i < MANY; i++)
		crowd[i] = link_open();
	for (i = 0; i < MANY; i++) {
		ask_add(crowd[i]);
		call_ping(crowd[MANY - 1 - i]);
	}
	await_answers();
	for (i = 0; i < MANY; i++)
		link_close(crowd[i]);
}

static void play_stopped(void)
{
	struct link *link = link_open();
	int i;

	if (link == NULL)
		return;
	CHECK_EQ(mrpc_stop_events(link->conn), 0);
	for (i = 0; i < 10; i++) {
		ask_add(link);
		tell(link, 1);
	}
	call_ping(link);
	CHECK_EQ(mrpc_start_events(link->conn), 0);
	await_answers();
	link_close(link);
}

/* ---- what is wrong ---- */

static void play_errors(void)
{
	struct link *link = link_open();
	number in = 1, *out = NULL;
	short_text text = "nine char";
	blob long_one = { (1 << 20) + 1, NULL }, *back = NULL;

	if (link == NULL)
		return;
	judge(test_absent(link->conn, &in, &out), MINIRPC_PROCEDURE_UNAVAIL, "absent");
	CHECK(out == NULL);
	judge(test_label(link->conn, &text), MINIRPC_ENCODING_ERR, "label");
	long_one.blob_val = calloc(1, long_one.blob_len);
	REQUIRE(long_one.blob_val != NULL);
	judge(test_echo(link->conn, &long_one, &back), MINIRPC_ENCODING_ERR, "echo of too much");
	CHECK(back == NULL);
	free(long_one.blob_val);
	call_ping(link);
	link_close(link);
}

const struct scene scenes[] = {
	{ "sync", play_sync, true, true },
	{ "async", play_async, true, true },
	{ "messages", play_messages, true, true },
	{ "both-ways", play_both_ways, true, true },
	{ "early-ends", play_early_ends, true, true },
	{ "connecting", play_connecting, true, true },
	{ "listening", play_listening, true, false },
	{ "bound", play_bound, true, true },
	{ "drain", play_drain, true, true },
	{ "sets", play_sets, true, true },
	{ "looking-on", play_looking_on, true, false },
	{ "long-payloads", play_long_payloads, true, true },
	{ "crowd", play_crowd, true, true },
	{ "stopped", play_stopped, true, false },
	{ "errors", play_errors, true, true },
	{ "strangers", play_strangers, true, true },
	{ "flood", play_flood, true, false },
	{ "refusals", play_refusals, false, true },
	{ NULL, NULL, false, false }
};
