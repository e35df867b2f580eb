/* PROTO: test.mx */
/* NEEDS: additions */
/*
 * A dispatcher that stays in its handler does not keep the connections of the loop
 * that it drove from the others: they are served at once, and after a while that loop
 * is given up. When it comes back, there are as many as before.
 */
#include "loops.h"

enum { CONNS = 8, ROUNDS = 50 };

static const struct test_server_operations ops = { .ping = answer_ping, .put = hold };

static void others_served(struct many *m, int but)
{
	int i, round;

	for (round = 0; round < ROUNDS; round++)
		for (i = 0; i < m->count; i++) {
			if (i == but)
				continue;
			peer_send(m->fds[i], 1, PENDING, nr_test_ping, NULL, 0);
			PEER_EXPECT(m->fds[i], 1, MINIRPC_OK, nr_test_ping, NULL, 0);
		}
}

static bool served_by(struct many *m, int but, int loops)
{
	int fewest, most;

	others_served(m, but);
	return loops_used(&fewest, &most) == loops;
}

static void stays(int which)
{
	int fewest, most, all = loops_for(2);
	struct many m;

	SECTION("connection %d's handler stays: the others are served", which);
	counter_init(&held);
	counter_init(&go_on);
	many_set(&m, 2);
	many_connect(&m, CONNS, &ops, NULL);
	CHECK_EQ(loops_used(&fewest, &most), all);
	peer_number(m.fds[which], 7, nr_test_put, 1);
	COUNTER_WAIT(&held, 1);
	others_served(&m, which);

	SECTION("after a while, all in one loop");
	WAIT_FOR(served_by(&m, which, 1));

	SECTION("it comes back: in two, after some seconds");
	counter_add(&go_on, 1);
	PEER_EXPECT(m.fds[which], 7, MINIRPC_OK, nr_test_put, NULL, 0);
	WAIT_FOR(served_by(&m, -1, all));
	many_close(&m);
}

static void all_stay(void)
{
	struct many m;
	double used;
	int i;

	SECTION("all dispatchers stay: no processor time while nothing comes");
	counter_init(&held);
	counter_init(&go_on);
	many_set(&m, 2);
	many_connect(&m, CONNS, &ops, NULL);
	for (i = 0; i < 2; i++)
		peer_number(m.fds[i], 7, nr_test_put, 1);
	COUNTER_WAIT(&held, 2);
	pause_ms(scaled(500));
	used = cpu_ms();
	pause_ms(300);
	used = cpu_ms() - used;
	CHECK_MSG(used < (double)scaled(100), "used %.0f of 300 ms", used);

	SECTION("what came meanwhile is served afterwards");
	for (i = 2; i < CONNS; i++)
		peer_send(m.fds[i], 1, PENDING, nr_test_ping, NULL, 0);
	counter_add(&go_on, 1);
	for (i = 2; i < CONNS; i++)
		PEER_EXPECT(m.fds[i], 1, MINIRPC_OK, nr_test_ping, NULL, 0);
	for (i = 0; i < 2; i++)
		PEER_EXPECT(m.fds[i], 7, MINIRPC_OK, nr_test_put, NULL, 0);
	many_close(&m);
}

int main(void)
{
	struct leaks leaks;

	leaks_begin(&leaks);
	stays(0);
	LEAKS_CHECK(&leaks);
	stays(1);
	LEAKS_CHECK(&leaks);
	all_stay();
	LEAKS_CHECK(&leaks);
	return tap_done();
}
