/* PROTO: test.mx */
/* MODES: plain asan (to memcheck, what the parent held is lost in the child) */
/*
 * A process forks again and again while its threads make replies, too late as they
 * are: a child that does the same hears at once that they are the parent's.
 */
#include "child.h"
#include "keep.h"

enum { THREADS = 3, FORKS = 40 };

static int stop;

static const struct test_server_operations ops = { .later_void = keep_later_void };

static mrpc_status_t reply(void)
{
	return test_later_void_send_async_reply(kept[0]);
}

static void *make_replies(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST))
		if (!CHECK_EQ(reply(), MINIRPC_NETWORK_FAILURE))
			break;
	return NULL;
}

int main(void)
{
	pthread_t threads[THREADS];
	struct end e;
	int i, status;

	SECTION("%d children", FORKS);
	end_open_server(&e, &ops, 1);
	peer_number(e.fd, 1, nr_test_later_void, 0);
	COUNTER_WAIT(&keeps, 1);
	REQUIRE_EQ(reply(), MINIRPC_OK);
	for (i = 0; i < THREADS; i++)
		threads[i] = thread_start(make_replies, NULL);
	for (i = 0; i < FORKS; i++) {
		pid_t child = child_fork();

		if (child == 0) {
			CHILD_REFUSED(reply());
			child_exit();
		}
		REQUIRE_EQ(waitpid(child, &status, 0), child);
		if (!CHECK_EQ(status, 0))
			break;
	}
	__atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
	for (i = 0; i < THREADS; i++)
		thread_join(threads[i]);
	end_close(&e);
	return tap_done();
}
