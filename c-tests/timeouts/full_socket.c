/* PROTO: test.mx */
/* NEEDS: additions */
/* TIMEOUT: 60 */
/*
 * Calls end in time though the socket is full. A request that has not begun to leave is not
 * sent, and costs no memory; one that has is sent whole. The connection goes on.
 */
#include "timeouts.h"

/* LARGE: more than both ends of a TCP connection take, the peer's being as small as it is made. */
enum { LARGE = 8 << 20, SMALL = 1000, LIKE_MANY = 512 << 10 };

static char payload[LARGE];
static struct counter called = COUNTER_INIT;

static void on_echo(void *data, void *private, mrpc_status_t status, blob *reply)
{
	(void)data;
	(void)reply;
	CHECK_EQ(status, (mrpc_status_t)(intptr_t)private);
	counter_add(&called, 1);
}

static void echo(struct end *e, unsigned len, unsigned ms, mrpc_status_t want)
{
	struct mrpc_call_options o = with(ms, NULL);
	blob in = { len, payload }, *out = NULL;
	int64_t start = now_us();

	CHECK_EQ(test_echo_with(e->conn, &o, &in, &out), want);
	CHECK(out == NULL);
	ON_TIME(now_us() - start, ms);
}

static void post(struct end *e, unsigned len, unsigned ms, mrpc_call_t *call, mrpc_status_t want)
{
	struct mrpc_call_options o = with(ms, call);
	blob in = { len, payload };

	CHECK_EQ(test_echo_async_with(e->conn, &o, on_echo, (void *)(intptr_t)want, &in),
		 MINIRPC_OK);
}

/* What comes to the peer: a request of this length. */
static void arrives(struct end *e, int cmd, unsigned len)
{
	struct frame f;

	peer_recv(e->fd, &f);
	CHECK_EQ(f.cmd, cmd);
	CHECK_EQ(f.len, len);
	free(f.data);
}

static void full(int threads, bool tcp)
{
	const int small = 64 << 10;
	uint64_t bytes, messages;
	struct end e;
	mrpc_call_t call;
	struct frame f;
	number n = 5;
	int i;

	SECTION("%s, %d dispatchers: one that has begun to leave", tcp ? "TCP" : "AF_UNIX", threads);
	end_open(&e, test_client, threads, tcp);
	REQUIRE_EQ(setsockopt(e.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	counter_init(&called);
	echo(&e, LARGE, 50, TIMEDOUT);
	bytes = conn_count(e.conn, MRPC_CONNCTR_SEND_BYTES);
	messages = conn_count(e.conn, MRPC_CONNCTR_SEND_MSGS);
	CHECK(bytes > LARGE && messages == 1);

	SECTION("those behind it end in time, sync and async");
	for (i = 0; i < 5; i++) {
		echo(&e, SMALL, 20, TIMEDOUT);
		post(&e, SMALL + 4, 1, NULL, TIMEDOUT);
		post(&e, SMALL + 8, 0, &call, CANCELLED);
		CHECK_EQ(mrpc_call_cancel(e.conn, call), 0);
	}
	CHECK_EQ(test_notify(e.conn, &n), MINIRPC_OK);
	if (threads == BY_HAND)
		DISPATCH_UNTIL(e.set, counter_get(&called) == 10);
	else
		COUNTER_WAIT(&called, 10);

	SECTION("none of them was sent, nor is counted as sent");
	CHECK_EQ(conn_count(e.conn, MRPC_CONNCTR_SEND_BYTES), bytes + HEADER_LEN + 4);
	CHECK_EQ(conn_count(e.conn, MRPC_CONNCTR_SEND_MSGS), messages + 1);
	arrives(&e, nr_test_echo, LARGE + 4);
	arrives(&e, nr_test_notify, 4);
	PEER_QUIET(e.fd, 30);

	SECTION("the connection goes on");
	post(&e, SMALL, 0, NULL, MINIRPC_OK);
	peer_recv(e.fd, &f);
	CHECK_EQ(f.len, SMALL + 4);
	peer_send(e.fd, f.seq, MINIRPC_OK, nr_test_echo, f.data, f.len);
	free(f.data);
	if (threads == BY_HAND)
		DISPATCH_UNTIL(e.set, counter_get(&called) == 11);
	else
		COUNTER_WAIT(&called, 11);
	CHECK_EQ(counter_get(&e.probe.ioerrs), 0);
	end_close(&e);
}

/* Over and over: what is not sent is not kept. */
static void no_memory(void)
{
	struct end e;
	long before;
	int i;

	SECTION("200 MB of calls that time out");
	end_open(&e, test_client, 1, false);
	counter_init(&called);
	echo(&e, LARGE, 50, TIMEDOUT);
	before = rss_bytes();
	for (i = 0; i < 400; i++) {
		post(&e, LIKE_MANY, 1, NULL, TIMEDOUT);
		COUNTER_WAIT(&called, i + 1);
	}
	CHECK_MSG(rss_bytes() - before < 30 << 20, "%ld KiB more", (rss_bytes() - before) >> 10);
	end_close(&e);
}

int main(void)
{
	struct leaks leaks;

	memset(payload, 'x', sizeof(payload));
	leaks_begin(&leaks);
	full(1, false);
	full(1, true);
	full(BY_HAND, false);
	/* Sanitizers keep what was freed. */
	if (strcmp(test_mode(), "asan") != 0)
		no_memory();
	LEAKS_CHECK(&leaks);
	return tap_done();
}
