/*
 * The callback of mrpc_connect_async ends its thread: its event has passed, the connection
 * and the set go on with another dispatcher, and nothing is left.
 */
/* PROTO: test.mx */
/* NEEDS: additions */
#include "attempt.h"

static void leave(struct attempt *a)
{
	a->then = NULL;
	counter_add(&a->told, 1);
	pthread_exit(NULL);
}

static void *dispatch(void *set)
{
	mrpc_dispatcher_add(set);
	mrpc_dispatch_loop(set);
	CHECK_MSG(false, "the callback ends the thread");
	return NULL;
}

int main(void)
{
	struct mrpc_conn_set *set;
	struct attempt a;
	struct place place;
	struct leaks leaks;
	char *port = NULL, closed[8];
	pthread_t thread;

	leaks_begin(&leaks);
	close(peer_listen(closed));
	place_open(&place);
	REQUIRE_EQ(mrpc_listen(place.set, AF_INET, "127.0.0.1", &port), 0);
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_client, NULL), 0);
	probe_watch(set);

	SECTION("after a failure the handle can be used again");
	attempt_init(&a, set);
	a.then = leave;
	thread = thread_start(dispatch, set);
	CHECK_EQ(attempt_tcp(&a, closed), 0);
	thread_join(thread);
	CHECK_EQ(counter_get(&a.told), 1);
	CHECK_EQ(a.error, ECONNREFUSED);

	SECTION("after a success it goes on");
	a.then = leave;
	thread = thread_start(dispatch, set);
	CHECK_EQ(attempt_tcp(&a, port), 0);
	thread_join(thread);
	CHECK_EQ(counter_get(&a.told), 2);
	CHECK_EQ(a.error, 0);
	use(a.conn);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	attempt_end(&a);

	SECTION("nothing is left");
	place_close(&place);
	mrpc_conn_set_unref(set);
	free(port);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
