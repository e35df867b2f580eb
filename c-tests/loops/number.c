/* PROTO: test.mx */
/* NEEDS: additions */
/*
 * A set has one loop for each dispatcher that waits in the library, up to the number
 * of CPUs, and at least one; mrpc_set_max_loops bounds them. Connections are dealt out
 * evenly, and move when a loop is one too many, and when there is one more.
 */
#include "loops.h"

enum { CONNS = 12 };

static const struct test_server_operations ops = { .ping = answer_ping };

/* Traffic has the set look at its loops. */
static bool spread_over(struct many *m, int loops)
{
	int fewest, most, used;

	many_serve(m);
	used = loops_used(&fewest, &most);
	return used == loops && most <= 2 * fewest + 1;
}

static void dealt(int threads)
{
	int loops = loops_for(threads), fewest, most;
	struct many m;

	SECTION("%d dispatch threads, %d loops", threads, loops);
	many_set(&m, threads);
	many_connect(&m, CONNS, &ops, NULL);
	CHECK_EQ(loops_now().count, loops);
	CHECK_EQ(loops_used(&fewest, &most), loops);
	CHECK(most - fewest <= 1);
	many_serve(&m);
	many_close(&m);
}

static void bounded(void)
{
	int all = loops_for(2);
	struct many m;

	SECTION("a bound of one: all move, and are served");
	many_set(&m, 2);
	many_connect(&m, CONNS, &ops, NULL);
	REQUIRE_EQ(mrpc_set_max_loops(m.set, 1), 0);
	WAIT_FOR(spread_over(&m, 1));

	SECTION("connections that come now go there, too");
	many_connect(&m, CONNS + 2, &ops, NULL);
	CHECK(spread_over(&m, 1));

	SECTION("a bound that is higher: they are spread");
	REQUIRE_EQ(mrpc_set_max_loops(m.set, 2), 0);
	WAIT_FOR(spread_over(&m, all));

	SECTION("none: as many as there are dispatchers");
	REQUIRE_EQ(mrpc_set_max_loops(m.set, 0), 0);
	WAIT_FOR(spread_over(&m, all));
	CHECK_EQ(loops_now().count, all);
	many_close(&m);
}

static void later(void)
{
	struct dispatcher first, second;
	struct many m;

	SECTION("a dispatcher that comes later has a loop of its own");
	many_set(&m, 0);
	dispatcher_start(&first, m.set);
	many_connect(&m, CONNS, &ops, NULL);
	CHECK_EQ(loops_now().count, 1);
	dispatcher_start(&second, m.set);
	WAIT_FOR(spread_over(&m, loops_for(2)));
	many_close(&m);
	CHECK_EQ(dispatcher_join(&first), ENXIO);
	CHECK_EQ(dispatcher_join(&second), ENXIO);
}

static void one_cpu(void)
{
	cpu_set_t all, one;
	struct many m;
	int cpu = 0;

	SECTION("a process with one CPU has one loop");
	REQUIRE_EQ(sched_getaffinity(0, sizeof(all), &all), 0);
	while (!CPU_ISSET(cpu, &all))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	REQUIRE_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
	many_set(&m, 3);
	many_connect(&m, CONNS, &ops, NULL);
	CHECK_EQ(loops_now().count, 1);
	many_serve(&m);
	many_close(&m);
	REQUIRE_EQ(sched_setaffinity(0, sizeof(all), &all), 0);
}

int main(void)
{
	struct leaks leaks;

	leaks_begin(&leaks);
	SECTION("arguments");
	CHECK_EQ(mrpc_set_max_loops(NULL, 1), EINVAL);
	dealt(1);
	LEAKS_CHECK(&leaks);
	dealt(2);
	LEAKS_CHECK(&leaks);
	dealt(3);
	LEAKS_CHECK(&leaks);
	bounded();
	LEAKS_CHECK(&leaks);
	later();
	LEAKS_CHECK(&leaks);
	one_cpu();
	LEAKS_CHECK(&leaks);
	return tap_done();
}
