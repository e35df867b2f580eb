/* PROTO: test.mx */
/* NEEDS: additions */
/*
 * Requests that wait because replies over mrpc_set_reply_limit do: they are handled when these have
 * left, also for a peer that has ended its sending side; what is owed is one reply more than the
 * limit; and wherever a request is found to have to wait, mrpc_set_linger ends it.
 */
#include "held.h"
#include "keep.h"

enum { LEN = 2000, REPLY = HEADER_LEN + LEN, LIMIT = 20 * REPLY, BUFFERS = 4096, COUNT = 500,
       SMALL_LIMIT = 4096, PATIENCE_MS = 300 };

/* ---- a peer that has ended its sending side ---- */

static const struct test_server_operations echoes = { .echo = limits_echo };

static void half_closed(bool tcp)
{
	struct held h;
	struct frame f;
	int i;

	SECTION("a peer that has ended its sending side gets all replies, %s", tcp ? "TCP" : "AF_UNIX");
	held_open(&h, &echoes, 2, tcp, BUFFERS);
	REQUIRE_EQ(mrpc_set_reply_limit(h.e.set, LIMIT), 0);
	take_in_blobs(&h, COUNT, nr_test_echo, LEN);
	REQUIRE_EQ(shutdown(h.e.fd, SHUT_WR), 0);
	/* Most times the end has been seen by then, and what waits is looked at once more. */
	usleep(50000);
	REQUIRE_EQ(mrpc_start_events(h.e.conn), 0);
	WAIT_FOR(in_no_socket(&h, counter_get(&done), LEN) > LIMIT);
	usleep(50000);
	for (i = 0; i < COUNT; i++) {
		peer_recv(h.e.fd, &f);
		free(f.data);
		if (!CHECK_EQ(f.seq, i) || !CHECK_EQ(f.status, MINIRPC_OK))
			break;
	}
	PEER_EOF(h.e.fd);
	COUNTER_WAIT(&h.e.probe.disconnects, 1);
	CHECK_EQ(h.e.probe.reason, MRPC_DISC_CLOSED);
	held_close(&h);
}

/* ---- handlers of which two are a batch ---- */

static mrpc_status_t slow(void *data, struct mrpc_message *msg, blob *in, blob *out)
{
	struct timespec begun, now;

	(void)data;
	(void)msg;
	(void)in;
	clock_gettime(CLOCK_MONOTONIC, &begun);
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while ((now.tv_sec - begun.tv_sec) * 1000000000L + now.tv_nsec - begun.tv_nsec < 30000);
	out->blob_len = 64 * 1024;
	out->blob_val = calloc(1, out->blob_len);
	REQUIRE(out->blob_val != NULL);
	counter_add(&done, 1);
	return MINIRPC_OK;
}

static const struct test_server_operations slow_ones = { .echo = slow };

static void one_reply_more(void)
{
	enum { REQUESTS = 40 };
	long owed, got = 0, most = 0;
	struct held h;
	struct frame f;

	SECTION("handlers of 30 us");
	held_open(&h, &slow_ones, 2, false, 4 * BUFFERS);
	REQUIRE_EQ(mrpc_set_reply_limit(h.e.set, SMALL_LIMIT), 0);
	take_in_blobs(&h, REQUESTS, nr_test_echo, 8);
	REQUIRE_EQ(mrpc_start_events(h.e.conn), 0);
	while (got < REQUESTS) {
		COUNTER_WAIT(&done, got + 1);
		usleep(5000);
		owed = counter_get(&done) - got;
		most = owed > most ? owed : most;
		for (; owed > 0; owed--, got++) {
			peer_recv(h.e.fd, &f);
			free(f.data);
		}
	}
	CHECK_MSG(most == 1, "%ld replies were owed", most);
	held_close(&h);
}

/* ---- who is found to wait late ---- */

static mrpc_status_t keep_echo(void *data, struct mrpc_message *msg, blob *in, blob *out)
{
	(void)data;
	(void)in;
	(void)out;
	return keep(msg);
}

static const struct test_server_operations keepers = { .echo = keep_echo, .ping = answer_ping };

/* A request has been kept. */
static void keeper_open(struct held *h, int threads, size_t limit)
{
	counter_init(&keeps);
	held_open(h, &keepers, threads, false, 4 * BUFFERS);
	REQUIRE_EQ(mrpc_set_linger(h->e.set, PATIENCE_MS), 0);
	REQUIRE_EQ(mrpc_set_reply_limit(h->e.set, limit), 0);
	REQUIRE(offer_blob(h, 0, nr_test_echo, 8));
	if (threads == BY_HAND)
		DISPATCH_UNTIL(h->e.set, counter_get(&keeps) == 1);
	COUNTER_WAIT(&keeps, 1);
}

/* It is answered, by more than the limit. */
static void answer(void)
{
	static char bytes[MIB];
	blob b = { sizeof(bytes), bytes };

	REQUIRE_EQ(test_echo_send_async_reply(kept[0], &b), MINIRPC_OK);
}

static void one_more_request(struct held *h)
{
	peer_send(h->e.fd, 1, PENDING, nr_test_ping, NULL, 0);
	REQUIRE(taken(h));
}

static void ends(struct held *h)
{
	end_await(&h->e);
	CHECK_EQ(h->e.probe.reason, MRPC_DISC_IOERR);
	CHECK_MSG(strstr(h->e.probe.text, "replies") != NULL, "%s", h->e.probe.text);
	held_close(h);
}

static void *call(void *conn)
{
	return (void *)(intptr_t)test_client_ping(conn);
}

static void found_late(void)
{
	pthread_t thread;
	struct held h;

	SECTION("by the dispatcher that comes to it");
	keeper_open(&h, BY_HAND, SMALL_LIMIT);
	one_more_request(&h);
	answer();
	ends(&h);

	SECTION("when events are started");
	keeper_open(&h, 2, SMALL_LIMIT);
	REQUIRE_EQ(mrpc_stop_events(h.e.conn), 0);
	one_more_request(&h);
	answer();
	REQUIRE_EQ(mrpc_start_events(h.e.conn), 0);
	ends(&h);

	SECTION("while a sync call of ours waits, whose time passes");
	keeper_open(&h, 2, MIB / 8);
	REQUIRE_EQ(mrpc_set_call_timeout(h.e.set, 200), 0);
	answer();
	thread = thread_start(call, h.e.conn);
	usleep(50000);
	one_more_request(&h);
	CHECK_EQ((intptr_t)thread_join(thread), MINIRPC_TIMEDOUT);
	ends(&h);
}

int main(void)
{
	struct leaks leaks;

	leaks_begin(&leaks);
	half_closed(false);
	half_closed(true);
	one_reply_more();
	found_late();
	LEAKS_CHECK(&leaks);
	return tap_done();
}
