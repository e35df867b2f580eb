/* PROTO: test.mx */
/* NEEDS: additions */
/*
 * A dispatcher that ends, is removed, or leaves its handler by longjmp and is removed
 * then, takes its loop along: what that had is served by the others.
 */
#include "loops.h"

#include <setjmp.h>

enum { CONNS = 8 };

static jmp_buf out;
static _Thread_local bool leaves, jumps;
static struct counter calls = COUNTER_INIT, left = COUNTER_INIT;

static void leave(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	(void)in;
	counter_add(&calls, 1);
	if (leaves && jumps)
		longjmp(out, 1);
	if (leaves)
		pthread_exit(NULL);
}

static const struct test_server_operations ops = { .ping = answer_ping, .notify = leave };

struct goer {
	struct mrpc_conn_set *set;
	struct counter registered;
	bool jumps;
};

static void *dispatch_and_go(void *arg)
{
	struct goer *g = arg;

	leaves = true;
	jumps = g->jumps;
	mrpc_dispatcher_add(g->set);
	counter_add(&g->registered, 1);
	if (setjmp(out) == 0)
		mrpc_dispatch_loop(g->set);
	mrpc_dispatcher_remove(g->set);
	counter_add(&left, 1);
	return NULL;
}

static bool all_in_one(struct many *m)
{
	int fewest, most;

	many_serve(m);
	return loops_used(&fewest, &most) == 1;
}

static void goes(bool by_jump)
{
	struct goer g = { .jumps = by_jump, .registered = COUNTER_INIT };
	pthread_t going;
	struct many m;
	long n = 0;

	SECTION("a dispatcher goes by %s", by_jump ? "longjmp" : "pthread_exit");
	counter_init(&calls);
	counter_init(&left);
	many_set(&m, 1);
	g.set = m.set;
	going = thread_start(dispatch_and_go, &g);
	COUNTER_WAIT(&g.registered, 1);
	many_connect(&m, CONNS, &ops, NULL);
	/* Until it is the one that handles it. */
	do {
		peer_number(m.fds[n % CONNS], 0, nr_test_notify, 1);
		COUNTER_WAIT(&calls, ++n);
		REQUIRE(n < 100000);
	} while (pthread_tryjoin_np(going, NULL) != 0);
	CHECK_EQ(counter_get(&left), by_jump);
	SECTION("the other serves all, in one loop");
	WAIT_FOR(all_in_one(&m));
	/* One that was only given up comes back after a second. */
	STAYS(all_in_one(&m), 2500);
	many_close(&m);
}

int main(void)
{
	struct leaks leaks;

	leaks_begin(&leaks);
	goes(false);
	LEAKS_CHECK(&leaks);
	goes(true);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
