/* PROTO: test.mx */
/* NEEDS: additions */
/*
 * The callback of an async call whose time is up: once, with no result, as an event after
 * earlier ones, held by mrpc_stop_events; in the order of the deadlines, whatever the order of
 * the calls; also where the application dispatches by hand, or later than that.
 */
#include "timeouts.h"

enum { MANY = 40, EVENT = 1000 };

static struct trace trace = TRACE_INIT;
static int64_t ended[MANY];

static void on_get(void *data, void *private, mrpc_status_t status, number *reply)
{
	intptr_t n = (intptr_t)private;

	(void)data;
	CHECK_EQ(status, TIMEDOUT);
	CHECK(reply == NULL);
	ended[n] = now_us();
	trace_add(&trace, (int)n);
}

static void event(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	trace_add(&trace, EVENT + *in);
}

static const struct test_client_operations ops = { .event = event };

static void post(struct end *e, unsigned ms, int n)
{
	struct mrpc_call_options o = with(ms, NULL);

	CHECK_EQ(test_get_async_with(e->conn, &o, on_get, (void *)(intptr_t)n), MINIRPC_OK);
}

/* Distinct timeouts, the longest first, the shortest last, and mixed. */
static void in_order(int threads, bool tcp)
{
	int64_t start, made[MANY];
	struct end e;
	int i, bad = 0;

	SECTION("by their deadlines, %d dispatchers", threads);
	end_open(&e, test_client, threads, tcp);
	REQUIRE_EQ(test_client_set_operations(e.conn, &ops), 0);
	trace_clear(&trace);
	start = now_us();
	for (i = 0; i < MANY; i++) {
		int n = i < MANY / 2 ? MANY - 1 - i : i - MANY / 2;

		made[n] = now_us();
		post(&e, 60 + 25 * (unsigned)n, n);
	}
	if (threads == BY_HAND)
		DISPATCH_UNTIL(e.set, trace_len(&trace) == MANY);
	else
		TRACE_WAIT(&trace, MANY);
	for (i = 0; i < MANY; i++) {
		ON_TIME(ended[i] - made[i], 60 + 25 * i);
		bad += trace.values[i] != i;
	}
	/* Two that were made 25 ms apart, by a busy machine, may change places. */
	CHECK_MSG(bad == 0 || made[0] - start > 20000, "%d not in order", bad);
	CHECK_EQ(trace_len(&trace), MANY);
	end_close(&e);
}

static void held(void)
{
	struct end e;

	SECTION("after earlier events, and not while events are stopped");
	end_open(&e, test_client, 1, false);
	REQUIRE_EQ(test_client_set_operations(e.conn, &ops), 0);
	trace_clear(&trace);
	REQUIRE_EQ(mrpc_stop_events(e.conn), 0);
	peer_event(e.fd, 1);
	WAIT_FOR(conn_count(e.conn, MRPC_CONNCTR_RECV_MSGS) == 1);
	post(&e, 1, 5);
	/* A sync call's end shows that time goes on. */
	TIMES_OUT(e.conn, 80);
	peer_event(e.fd, 2);
	WAIT_FOR(conn_count(e.conn, MRPC_CONNCTR_RECV_MSGS) == 2);
	STAYS(trace_len(&trace) == 0, 50);
	REQUIRE_EQ(mrpc_start_events(e.conn), 0);
	TRACE_WAIT(&trace, 3);
	TRACE_IS(&trace, EVENT + 1, 5, EVENT + 2);
	end_close(&e);
}

static void on_closed(void *data, void *private, mrpc_status_t status, number *reply)
{
	(void)data;
	CHECK(reply == NULL);
	*(mrpc_status_t *)private = status;
	counter_add(&trace.count, 1);
}

/* What a call ended with stays, though the connection is closed before its callback. */
static void closed(void)
{
	mrpc_status_t got[3] = { 99, 99, 99 };
	struct mrpc_call_options o = with(1, NULL);
	mrpc_call_t call;
	struct end e;

	SECTION("closed between the end of a call and its callback");
	end_open(&e, test_client, 1, false);
	counter_init(&trace.count);
	REQUIRE_EQ(mrpc_stop_events(e.conn), 0);
	CHECK_EQ(test_get_async_with(e.conn, &o, on_closed, &got[0]), MINIRPC_OK);
	o = with(0, &call);
	CHECK_EQ(test_get_async_with(e.conn, &o, on_closed, &got[1]), MINIRPC_OK);
	CHECK_EQ(test_get_async(e.conn, on_closed, &got[2]), MINIRPC_OK);
	CHECK_EQ(mrpc_call_cancel(e.conn, call), 0);
	TIMES_OUT(e.conn, 80);
	REQUIRE_EQ(mrpc_conn_close(e.conn), 0);
	CHECK_EQ(mrpc_call_cancel(e.conn, call), ENOENT);
	REQUIRE_EQ(mrpc_start_events(e.conn), 0);
	COUNTER_WAIT(&trace.count, 3);
	CHECK_EQ(got[0], TIMEDOUT);
	CHECK_EQ(got[1], CANCELLED);
	CHECK_EQ(got[2], MINIRPC_NETWORK_FAILURE);
	end_close(&e);
}

int main(void)
{
	struct leaks leaks;

	leaks_begin(&leaks);
	in_order(1, false);
	in_order(BY_HAND, true);
	held();
	closed();
	LEAKS_CHECK(&leaks);
	return tap_done();
}
