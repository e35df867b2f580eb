/* PROTO: test.mx */
/* MODES: plain asan (to memcheck, all that threads hold that a child lacks is lost) */
/*
 * Descriptors are close-on-exec from birth: a child forked at any moment, which
 * could execute another program, sees no other.
 */
#include "cloexec.h"

static struct counter stop = COUNTER_INIT;

static void *use_all(void *arg)
{
	struct pair p;
	int i;

	(void)arg;
	for (i = 0; counter_get(&stop) == 0; i++) {
		pair_open(&p, PAIR_TCP, test_client, test_server);
		CHECK(mrpc_get_event_fd(p.server_set) >= 0);
		CHECK_EQ(test_server_set_operations(p.server, &server_ops), 0);
		CHECK_EQ(test_ping(p.client), MINIRPC_OK);
		pair_close(&p);
	}
	return NULL;
}

int main(void)
{
	struct leaks leaks;
	pthread_t thread;
	int which = -1, i;

	leaks_begin(&leaks);
	SECTION("a child forked at any moment");
	note_known();
	thread = thread_start(use_all, NULL);
	for (i = 0; i < 150; i++) {
		int status = -1;
		pid_t child = fork();

		REQUIRE(child >= 0);
		if (child == 0)
			_exit(without_flag(&which) == 0 ? 0 : 1);
		REQUIRE_EQ(waitpid(child, &status, 0), child);
		CHECK_EQ(status, 0);
	}
	counter_add(&stop, 1);
	thread_join(thread);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
