/* PROTO: test.mx */
/* NEEDS: additions */
/* TIMEOUT: 60 */
/*
 * A sync call ends when its time is up, and not before: with and without dispatchers, with
 * events stopped, in a handler; whether the peer says nothing, half of a reply, or only other
 * things. Then the connection goes on, and the late reply is dropped.
 */
#include "timeouts.h"

static const unsigned times[] = { 1, 3, 19, 47, 130, 600 };
enum { TIMES = sizeof(times) / sizeof(times[0]) };

static struct counter handled = COUNTER_INIT;

/* A handler whose call times out. */
static mrpc_status_t client_ping(void *data, struct mrpc_message *msg)
{
	struct probe *p = data;

	(void)msg;
	TIMES_OUT(p->user, 30);
	counter_add(&handled, 1);
	return MINIRPC_OK;
}

static const struct test_client_operations ops = { .client_ping = client_ping };

static void *add_thread(void *conn)
{
	operands in = { 3, 4 };
	number *out = NULL;

	CHECK_EQ(test_add(conn, &in, &out), MINIRPC_OK);
	CHECK(out != NULL && *out == 7);
	free_number(out, 1);
	return NULL;
}

/* The replies to the calls that timed out come, then that to another call. */
static void goes_on(struct end *e, int late)
{
	uint32_t seqs[16];
	pthread_t thread;
	int i;

	for (i = 0; i < late; i++)
		seqs[i] = peer_request(e->fd, nr_test_get);
	thread = thread_start(add_thread, e->conn);
	while (--i >= 0)
		peer_reply_number(e->fd, seqs[i], nr_test_get, i);
	peer_reply_number(e->fd, peer_request(e->fd, nr_test_add), nr_test_add, 7);
	thread_join(thread);
	CHECK_EQ(counter_get(&e->probe.ioerrs), 0);
}

static void silent(int threads, bool tcp, bool stopped)
{
	struct end e;
	int i;

	SECTION("a peer that says nothing: %s, %d dispatchers%s", tcp ? "TCP" : "AF_UNIX",
		threads, stopped ? ", events stopped" : "");
	end_open(&e, test_client, threads, tcp);
	if (stopped)
		REQUIRE_EQ(mrpc_stop_events(e.conn), 0);
	for (i = 0; i < TIMES; i++)
		TIMES_OUT(e.conn, times[i]);
	goes_on(&e, TIMES);
	if (stopped)
		REQUIRE_EQ(mrpc_start_events(e.conn), 0);
	end_close(&e);
}

/* Bytes that are no reply yet, so that the caller has read something. */
static long dribble_ms;

static void *dribble(void *arg)
{
	struct end *e = arg;
	unsigned char header[HEADER_LEN];
	uint32_t seq = peer_request(e->fd, nr_test_get);
	int i;

	peer_header(header, seq, MINIRPC_OK, nr_test_get, 4);
	for (i = 0; i < HEADER_LEN; i++) {
		peer_write(e->fd, header + i, 1);
		pause_ms(dribble_ms);
	}
	peer_write(e->fd, "\0\0", 2);
	return NULL;
}

static void half(void)
{
	struct end e;
	pthread_t thread;
	unsigned ms;

	/* The last time, there is more than a wait, which begins with the last byte, would take. */
	for (ms = 20; ms <= 3000; ms += ms < 400 ? 190 : 2600) {
		SECTION("half of a reply, %u ms", ms);
		dribble_ms = ms < 3000 ? 3 : 170;
		end_open(&e, test_client, 1, false);
		thread = thread_start(dribble, &e);
		TIMES_OUT(e.conn, ms);
		thread_join(thread);
		peer_write(e.fd, "\0\5", 2);
		goes_on(&e, 0);
		end_close(&e);
	}
}

static void in_handler(void)
{
	struct end e;
	uint32_t seq;

	SECTION("in a handler, by the only dispatcher");
	end_open_client(&e, &ops, 1);
	e.probe.user = e.conn;
	peer_send(e.fd, 5, PENDING, nr_test_client_ping, NULL, 0);
	COUNTER_WAIT(&handled, 1);
	seq = peer_request(e.fd, nr_test_get);
	PEER_EXPECT(e.fd, 5, MINIRPC_OK, nr_test_client_ping, NULL, 0);
	peer_reply_number(e.fd, seq, nr_test_get, 1);
	goes_on(&e, 0);
	end_close(&e);
}

int main(void)
{
	struct leaks leaks;

	leaks_begin(&leaks);
	silent(1, false, false);
	silent(1, true, false);
	silent(BY_HAND, true, false);
	silent(2, false, true);
	half();
	in_handler();
	LEAKS_CHECK(&leaks);
	return tap_done();
}
