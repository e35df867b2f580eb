/* PROTO: test.mx */
/*
 * A registered dispatcher keeps a destroyed set in being until it has removed
 * itself: dispatching says ENXIO, as often as it is asked, and the event
 * descriptor is readable.
 */
#include "destroy.h"

enum { THREADS = 3 };

static struct counter registered = COUNTER_INIT, destroyed = COUNTER_INIT;
static struct counter seen = COUNTER_INIT, gate = COUNTER_INIT;
static struct mrpc_conn_set *set;

static bool readable(int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };

	return poll(&p, 1, (int)scaled(5000)) == 1 && p.revents & POLLIN;
}

static void *loiter(void *arg)
{
	int fd, i;

	mrpc_dispatcher_add(set);
	fd = mrpc_get_event_fd(set);
	counter_add(&registered, 1);
	if (arg != NULL)
		CHECK_EQ(mrpc_dispatch_loop(set), ENXIO);
	COUNTER_WAIT(&destroyed, 1);
	CHECK(readable(fd));
	for (i = 0; i < 3; i++) {
		CHECK_EQ(mrpc_dispatch(set, i), ENXIO);
		CHECK_EQ(mrpc_dispatch_loop(set), ENXIO);
	}
	counter_add(&seen, 1);
	COUNTER_WAIT(&gate, 1);
	CHECK_EQ(mrpc_dispatch(set, 0), ENXIO);
	mrpc_dispatcher_remove(set);
	return NULL;
}

int main(void)
{
	pthread_t threads[THREADS];
	struct leaks leaks;
	struct end e;
	int i, round;

	leaks_begin(&leaks);
	for (round = 0; round < 20; round++) {
		SECTION("%d dispatchers and a dispatch thread, round %d", THREADS, round);
		counter_init(&registered);
		counter_init(&destroyed);
		counter_init(&seen);
		counter_init(&gate);
		end_open(&e, test_server, 1, round % 2);
		set = e.set;
		for (i = 0; i < THREADS; i++)
			threads[i] = thread_start(loiter, i % 2 ? &e : NULL);
		COUNTER_WAIT(&registered, THREADS);
		close(e.fd);
		end_await(&e);
		end_unref(&e);
		counter_add(&destroyed, 1);
		COUNTER_WAIT(&seen, THREADS);
		counter_add(&gate, 1);
		for (i = 0; i < THREADS; i++)
			thread_join(threads[i]);
		LEAKS_CHECK(&leaks);
	}
	return tap_done();
}
