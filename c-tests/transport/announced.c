/* PROTO: test.mx */
/* NEEDS: additions */
/* MODES: plain asan (under memcheck, which runs a thread at a time, it takes minutes) */
/* TIMEOUT: 120 */
/*
 * Who closes says so to its peer, whatever its loop reads at that moment: else the peer would take
 * the end for a cut.
 */
#include "xor.h"

#include "test_client.h"
#include "test_server.h"

enum { ROUNDS = 150 };

static struct counter events = COUNTER_INIT;

static void count_event(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	(void)in;
	counter_add(&events, 1);
}

static const struct test_client_operations ops = { .event = count_event };

/* Sends until it is closed. */
static void *tell(void *conn)
{
	number n = 1;

	while (test_event(conn, &n) == MINIRPC_OK)
		;
	mrpc_conn_unref(conn);
	return NULL;
}

static void round_of(int kind, int round)
{
	struct pair pair;
	pthread_t teller;

	pair_open(&pair, kind, test_client, test_server);
	REQUIRE_EQ(test_client_set_operations(pair.client, &ops), 0);
	counter_init(&events);
	mrpc_conn_ref(pair.server);
	teller = thread_start(tell, pair.server);
	COUNTER_WAIT(&events, 1 + round % 50);
	/* Closes the client first. */
	pair_close(&pair);
	thread_join(teller);
}

static void rounds(int kind, const char *name)
{
	int round;

	SECTION("%d ends while much comes, %s", ROUNDS, name);
	for (round = 0; round < ROUNDS; round++)
		round_of(kind, round);
	/* The sets end by themselves. */
	WAIT_FOR(atomic_load(&xor_world.opened) == atomic_load(&xor_world.freed));
	CHECK_EQ(atomic_load(&xor_world.silent_ends), 0);
}

int main(void)
{
	struct leaks leaks;

	leaks_begin(&leaks);
	rounds(PAIR_SOCKETPAIR, "AF_UNIX");
	rounds(PAIR_TCP, "TCP");
	LEAKS_CHECK(&leaks);
	return tap_done();
}
