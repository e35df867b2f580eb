/* PROTO: test.mx */
/*
 * A peer that goes away while threads of ours write to it: they get
 * NETWORK_FAILURE, there is one disconnect, and nothing else comes of it.
 */
#include "fault.h"

enum { ROUNDS = 15, WRITERS = 2 };

static struct counter sent;

static void *writer(void *conn)
{
	static char payload[16384];
	blob b = { sizeof(payload), payload };
	mrpc_status_t status;

	while ((status = test_flood(conn, &b)) == MINIRPC_OK)
		counter_add(&sent, 1);
	CHECK_EQ(status, MINIRPC_NETWORK_FAILURE);
	return NULL;
}

static void *caller(void *conn)
{
	CHECK_EQ(test_client_ping(conn), MINIRPC_NETWORK_FAILURE);
	return NULL;
}

static void one_round(int round, bool resets)
{
	static char some[200000];
	pthread_t threads[WRITERS + 1];
	struct end e;
	int i;

	counter_init(&sent);
	end_open(&e, test_server, 1, true);
	threads[WRITERS] = thread_start(caller, e.conn);
	for (i = 0; i < WRITERS; i++)
		threads[i] = thread_start(writer, e.conn);
	COUNTER_WAIT(&sent, 3);
	CHECK(peer_read(e.fd, some, (size_t)(round * 7919 + 1)));
	if (resets)
		peer_reset(e.fd);
	else
		close(e.fd);
	e.fd = -1;
	for (i = 0; i <= WRITERS; i++)
		thread_join(threads[i]);
	end_await(&e);
	CHECK(e.probe.reason != MRPC_DISC_USER);
	CHECK_EQ(test_tick(e.conn), MINIRPC_NETWORK_FAILURE);
	end_close(&e);
}

int main(void)
{
	struct leaks leaks;
	int i;

	leaks_begin(&leaks);
	SECTION("reset while we write");
	for (i = 0; i < ROUNDS; i++)
		one_round(i, true);
	SECTION("closed while we write, much of it unread");
	for (i = 0; i < ROUNDS; i++)
		one_round(i, false);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
