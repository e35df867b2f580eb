/* PROTO: test.mx */
/* NEEDS: additions */
/* TIMEOUT: 60 */
/*
 * While a sync call of ours waits on a connection that is over its event limit,
 * reading goes on for its reply, up to 16 times the bound; there the call returns
 * MINIRPC_BUSY, so that a handler that made it comes back and the queue drains.
 * Nothing is lost, and the reply that comes late is dropped without an error.
 */
#include "held.h"

#include <stdatomic.h>

enum { EVENTS = 8, HARD = 16 * EVENTS, MANY = 1000000, BUSY = -9 };

static struct counter returned = COUNTER_INIT;
static atomic_int returned_with;

static void call(struct mrpc_connection *conn)
{
	mrpc_status_t status = test_client_ping(conn);

	returned_with = status;
	counter_add(&returned, 1);
}

/* A handler that calls back. */
static mrpc_status_t put(void *data, struct mrpc_message *msg, number *in)
{
	struct probe *p = data;

	(void)msg;
	(void)in;
	call(p->user);
	return MINIRPC_OK;
}

static const struct test_server_operations ops = {
	.ping = answer_ping, .put = put, .notify = hold_message, .push = hold_blob
};

static void *call_thread(void *conn)
{
	call(conn);
	return NULL;
}

static void open_limited(struct held *h, bool tcp, unsigned events, size_t bytes)
{
	counter_init(&returned);
	returned_with = 99;
	held_open(h, &ops, 2, tcp, 0);
	h->e.probe.user = h->e.conn;
	REQUIRE_EQ(mrpc_set_event_limit(h->e.set, events, bytes), 0);
}

/* The call's request, as the peer gets it: its sequence number. */
static uint32_t requested(struct held *h)
{
	struct frame f;

	peer_recv(h->e.fd, &f);
	CHECK_EQ(f.cmd, nr_test_client_ping);
	CHECK_EQ(f.status, PENDING);
	free(f.data);
	return f.seq;
}

static void answer(struct held *h, uint32_t seq)
{
	peer_send(h->e.fd, seq, MINIRPC_OK, nr_test_client_ping, NULL, 0);
}

/* A request is answered; requests that come before, late ones by now, are, too. */
static void in_step(struct held *h)
{
	struct frame f;

	peer_send(h->e.fd, 8, PENDING, nr_test_ping, NULL, 0);
	for (;;) {
		peer_recv(h->e.fd, &f);
		free(f.data);
		if (f.status != PENDING)
			break;
		answer(h, f.seq);
	}
	CHECK_EQ(f.seq, 8);
	CHECK_EQ(f.status, MINIRPC_OK);
}

static void drain(struct held *h, long sent)
{
	counter_add(&tickets, NO_END / 2);
	peer_send(h->e.fd, 9, PENDING, nr_test_ping, NULL, 0);
	PEER_EXPECT(h->e.fd, 9, MINIRPC_OK, nr_test_ping, NULL, 0);
	CHECK_EQ(counter_get(&done), sent);
	held_close(h);
	CHECK_EQ(counter_get(&h->e.probe.ioerrs), 0);
}

/* Calls made before, or after, the bound is reached. */
static void by_threads(bool tcp, int callers, bool before)
{
	pthread_t threads[2], another;
	uint32_t seqs[2];
	struct held h;
	int next = 0, n = 0, i;

	SECTION("%d calls, made %s the bound is reached", callers, before ? "before" : "after");
	open_limited(&h, tcp, EVENTS, MANY);
	CHECK(offer_number(&h, 0, nr_test_notify, next++));
	COUNTER_WAIT(&begun, 1);
	if (!before)
		n = offer_notifies(&h, &next, 3 * EVENTS) + 1;
	for (i = 0; i < callers; i++) {
		threads[i] = thread_start(call_thread, h.e.conn);
		seqs[i] = requested(&h);
	}
	if (!before)
		CHECK(taken(&h));
	n += offer_notifies(&h, &next, 2 * HARD);
	BETWEEN(n, HARD, HARD + 1);
	COUNTER_WAIT(&returned, callers);
	CHECK_EQ(returned_with, BUSY);
	for (i = 0; i < callers; i++)
		thread_join(threads[i]);

	SECTION("another call, made there");
	another = thread_start(call_thread, h.e.conn);
	COUNTER_WAIT(&returned, callers + 1);
	CHECK_EQ(returned_with, BUSY);
	thread_join(another);

	SECTION("the replies are late, and nothing was lost");
	for (i = 0; i < callers; i++)
		answer(&h, seqs[i]);
	counter_add(&tickets, NO_END / 2);
	COUNTER_WAIT(&done, next);
	in_step(&h);
	another = thread_start(call_thread, h.e.conn);
	answer(&h, requested(&h));
	COUNTER_WAIT(&returned, callers + 2);
	CHECK_EQ(returned_with, MINIRPC_OK);
	thread_join(another);
	drain(&h, next);
}

static void by_bytes(bool tcp)
{
	pthread_t thread;
	struct held h;
	uint32_t seq;
	int n = 0;

	SECTION("16 times the bytes");
	open_limited(&h, tcp, MANY, 10000);
	CHECK(offer_blob(&h, 0, nr_test_push, 1000));
	COUNTER_WAIT(&begun, 1);
	thread = thread_start(call_thread, h.e.conn);
	seq = requested(&h);
	while (n < 300 && offer_blob(&h, 0, nr_test_push, 1000))
		n++;
	BETWEEN(n, 159, 161);
	thread_join(thread);
	CHECK_EQ(returned_with, BUSY);
	answer(&h, seq);
	drain(&h, n + 2);
}

static void in_time(bool tcp)
{
	pthread_t thread;
	struct held h;
	uint32_t seq;
	int next = 0;

	SECTION("a reply over the bound, and before the last");
	open_limited(&h, tcp, EVENTS, MANY);
	CHECK(offer_number(&h, 0, nr_test_notify, next++));
	COUNTER_WAIT(&begun, 1);
	thread = thread_start(call_thread, h.e.conn);
	seq = requested(&h);
	CHECK_EQ(offer_notifies(&h, &next, HARD - 8), HARD - 8);
	answer(&h, seq);
	thread_join(thread);
	CHECK_EQ(returned_with, MINIRPC_OK);

	SECTION("afterwards the bound is what it was");
	CHECK(!offer_number(&h, 0, nr_test_notify, next++));
	drain(&h, next);
}

static void by_handler(bool tcp)
{
	struct held h;
	uint32_t seq;
	int next = 0;

	SECTION("a handler's call: it comes back, and the queue drains");
	open_limited(&h, tcp, EVENTS, MANY);
	counter_add(&tickets, NO_END / 2);
	peer_number(h.e.fd, 5, nr_test_put, 1);
	seq = requested(&h);
	for (; next < 3 * HARD; next++)
		peer_number(h.e.fd, 0, nr_test_notify, next);
	PEER_EXPECT(h.e.fd, 5, MINIRPC_OK, nr_test_put, NULL, 0);
	CHECK_EQ(returned_with, BUSY);
	answer(&h, seq);
	drain(&h, next);
}

int main(void)
{
	struct leaks leaks;
	int tcp;

	leaks_begin(&leaks);
	SECTION("its text");
	CHECK_STR(mrpc_strerror(BUSY), "Limit reached");
	for (tcp = 0; tcp < 2; tcp++) {
		by_threads(tcp, 1, true);
		by_threads(tcp, 1, false);
		by_threads(tcp, 2, true);
		by_threads(tcp, 2, false);
		by_bytes(tcp);
		in_time(tcp);
		by_handler(tcp);
		LEAKS_CHECK(&leaks);
	}
	return tap_done();
}
