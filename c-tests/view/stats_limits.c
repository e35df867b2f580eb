/* PROTO: test.mx */
/* NEEDS: additions */
/*
 * What the stats say where a bound is met: reading that stopped, listeners that rest,
 * sends that were refused, replies that came too late or for no call.
 */
#include "../limits/held.h"
#include "view.h"

enum { LEN = 4096, BUSY = -9, BOUND = 4, HARD = 16 * BOUND, FLOOD = HARD + 20 };

static struct counter returned = COUNTER_INIT;

static const struct test_client_operations ops = { .event = hold_message };

static void *call(void *conn)
{
	CHECK_EQ(test_ping(conn), BUSY);
	counter_add(&returned, 1);
	return NULL;
}

int main(void)
{
	static char data[LEN];
	blob payload = { LEN, data };
	struct mrpc_set_stats stats;
	struct leaks leaks;
	pthread_t thread;
	mrpc_status_t status;
	struct frame f;
	struct end e;
	uint32_t late;
	int n, i, sent, refused;

	leaks_begin(&leaks);
	end_open_client(&e, &ops, 1);
	SECTION("a call that ends at 16 times the event limit: busy, without an answer");
	REQUIRE_EQ(mrpc_set_event_limit(e.set, BOUND, MIB), 0);
	thread = thread_start(call, e.conn);
	peer_recv(e.fd, &f);
	late = f.seq;
	free(f.data);
	/* few enough for the socket, so that this thread need not wait */
	for (n = 0; n < FLOOD; n++)
		peer_number(e.fd, 0, nr_test_event, n);
	COUNTER_WAIT(&returned, 1);
	thread_join(thread);
	stats = set_stats(e.set);
	CHECK_EQ(stats.busy, 1);
	CHECK_EQ(stats.calls_made, 1);
	CHECK_EQ(stats.calls_failed, 1);
	CHECK(stats.reads_paused >= 1);
	CHECK(stats.bytes_undispatched >= (HARD - 1) * 4);

	SECTION("its reply is late, and one that nobody asked for is not");
	counter_add(&tickets, NO_END);
	peer_send(e.fd, late, MINIRPC_OK, nr_test_ping, NULL, 0);
	WAIT_FOR(set_stats(e.set).late_replies == 1);
	CHECK_EQ(conn_stats(e.conn).late_replies, 1);
	peer_send(e.fd, 4711, MINIRPC_OK, nr_test_ping, NULL, 0);
	COUNTER_WAIT(&e.probe.ioerrs, 1);
	COUNTER_WAIT(&done, n);
	CHECK_EQ(set_stats(e.set).late_replies, 1);
	CHECK_EQ(set_stats(e.set).messages_received, n);
	CHECK_EQ(set_stats(e.set).bytes_undispatched, 0);

	SECTION("sends beyond the limit are busy, and no calls or messages");
	REQUIRE_EQ(mrpc_set_send_limit(e.set, 16 * LEN), 0);
	/* Until the socket is full, too: many refusals in a row. */
	for (i = sent = refused = 0; i < 20 && sent < 10000; ) {
		status = test_push(e.conn, &payload);
		if (status == MINIRPC_OK) {
			sent++;
			i = 0;
		} else {
			REQUIRE_EQ(status, BUSY);
			refused++;
			i++;
			tap_pause();
		}
	}
	stats = set_stats(e.set);
	CHECK_EQ(stats.busy, 1 + refused);
	CHECK_EQ(stats.messages_sent, sent);
	CHECK(stats.bytes_unsent > LEN && stats.bytes_unsent <= 17 * LEN);
	CHECK_EQ(conn_stats(e.conn).bytes_unsent, stats.bytes_unsent);
	end_close(&e);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
