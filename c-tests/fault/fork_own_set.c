/* PROTO: test.mx */
/* MODES: plain asan (to memcheck, all that threads hold that a child lacks is lost) */
/*
 * A forked child makes sets of its own, and uses them with threads, listeners
 * and calls, while the parent uses its own; also a grandchild.
 */
#include "child.h"

static void use_pair(int kind)
{
	struct pair p;
	int i;

	pair_open(&p, kind, test_client, test_server);
	REQUIRE_EQ(test_server_set_operations(p.server, &server_ops), 0);
	for (i = 0; i < 50; i++)
		CHECK_EQ(test_ping(p.client), MINIRPC_OK);
	pair_close(&p);
}

static void generation(int left)
{
	pid_t child;

	use_pair(PAIR_TCP);
	use_pair(PAIR_SOCKETPAIR);
	if (left > 0) {
		child = child_fork();
		if (child == 0) {
			generation(left - 1);
			_exit(tap_done());
		}
		CHILD_WAIT(child);
	}
	use_pair(PAIR_TCP);
}

static struct counter stop = COUNTER_INIT, calls = COUNTER_INIT;

static void *caller(void *conn)
{
	while (counter_get(&stop) == 0) {
		CHECK_EQ(test_ping(conn), MINIRPC_OK);
		counter_add(&calls, 1);
	}
	return NULL;
}

int main(void)
{
	struct leaks leaks;
	struct pair p;
	pthread_t thread;
	pid_t child;
	long before;

	leaks_begin(&leaks);
	SECTION("fork before the library is used");
	child = child_fork();
	if (child == 0) {
		use_pair(PAIR_TCP);
		_exit(tap_done());
	}
	CHILD_WAIT(child);

	SECTION("fork from a process that is using it");
	pair_open(&p, PAIR_TCP, test_client, test_server);
	REQUIRE_EQ(test_server_set_operations(p.server, &server_ops), 0);
	thread = thread_start(caller, p.client);
	COUNTER_WAIT(&calls, 100);
	child = child_fork();
	if (child == 0) {
		generation(2);
		_exit(tap_done());
	}
	CHILD_WAIT(child);
	before = counter_get(&calls);
	COUNTER_WAIT(&calls, before + 100);
	counter_add(&stop, 1);
	thread_join(thread);
	pair_close(&p);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
