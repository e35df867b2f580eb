/*
 * Sequence numbers: per connection, from 0 upward, each call its own, whichever
 * of the three ways of sending is used and whichever thread sends.
 */
/* PROTO: test.mx */
#include "wire.h"

enum { THREADS = 4, CALLS = 200 };

static struct wire w;

static void *call_many(void *arg)
{
	(void)arg;
	for (int i = 0; i < CALLS; i++)
		CHECK_EQ(wire_call_ping(&w), MINIRPC_OK);
	return NULL;
}

int main(void)
{
	static bool seen[THREADS * CALLS];
	pthread_t threads[THREADS];
	struct leaks leaks;
	struct frame f;

	leaks_begin(&leaks);
	for (int role = 0; role < ROLES; role++) {
		SECTION("%s: each of %d calls from %d threads has its own number",
			wire_role_name(role), THREADS * CALLS, THREADS);
		wire_open(&w, role);
		memset(seen, 0, sizeof(seen));
		for (int i = 0; i < THREADS; i++)
			threads[i] = thread_start(call_many, NULL);
		for (int i = 0; i < THREADS * CALLS; i++) {
			peer_recv(w.peer, &f);
			REQUIRE(f.seq < THREADS * CALLS);
			CHECK(!seen[f.seq]);
			seen[f.seq] = true;
			peer_send(w.peer, f.seq, MINIRPC_OK, f.cmd, NULL, 0);
			free(f.data);
		}
		for (int i = 0; i < THREADS; i++)
			thread_join(threads[i]);
		COUNTER_WAIT(&wire_replies, THREADS * CALLS);
		CHECK_EQ(counter_get(&w.probe.ioerrs), 0);

		SECTION("%s: one after the other they ascend, one-way messages between",
			wire_role_name(role));
		uint32_t last = THREADS * CALLS - 1;
		for (int i = 0; i < 20; i++) {
			CHECK_EQ(wire_send_notify(&w, i), MINIRPC_OK);
			peer_recv(w.peer, &f);
			free(f.data);
			CHECK_EQ(wire_call_ping(&w), MINIRPC_OK);
			peer_recv(w.peer, &f);
			free(f.data);
			CHECK(f.seq > last);
			last = f.seq;
		}
		wire_close(&w);

		SECTION("%s: another connection starts from 0", wire_role_name(role));
		wire_open(&w, role);
		CHECK_EQ(wire_call_ping(&w), MINIRPC_OK);
		PEER_EXPECT(w.peer, 0, PENDING, CMD_PING, NULL, 0);
		wire_close(&w);
	}
	SECTION("nothing is left");
	LEAKS_CHECK(&leaks);
	return tap_done();
}
