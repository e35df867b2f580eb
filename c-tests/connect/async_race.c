/* PROTO: test.mx */
/* NEEDS: additions */
/* TIMEOUT: 60 */
/*
 * mrpc_connect_async against mrpc_conn_close at any moment, with two dispatchers:
 * each attempt has one callback; a connection that was told 0 has one disconnect,
 * another has none.
 */
#include "attempt.h"

#include <sched.h>

enum { THREADS = 4, ROUNDS = 300 };

static struct mrpc_conn_set *set;
static char *port, *path = "socket";
static char closed[8];
static int64_t last_round;
static struct counter stood = COUNTER_INIT, cancelled = COUNTER_INIT, refused = COUNTER_INIT;

static int begin(struct attempt *a, int n)
{
	switch (n % 4) {
	case 0:
		return attempt_tcp(a, closed);
	case 1:
		return mrpc_connect_async(a->conn, AF_UNIX, path, "", attempt_told, a);
	default:
		return attempt_tcp(a, port);
	}
}

static void round_of(int n)
{
	struct attempt *a = malloc(sizeof(*a));
	int spins = n % 3 == 0 ? n * 7919 % 400 : n % 8, result;

	attempt_init(a, set);
	REQUIRE_EQ(begin(a, n), 0);
	while (spins-- > 0)
		sched_yield();
	result = mrpc_conn_close(a->conn);
	COUNTER_WAIT(&a->told, 1);
	if (a->error == 0) {
		counter_add(&stood, 1);
		CHECK_EQ(result, 0);
		COUNTER_WAIT(&a->probe.disconnects, 1);
	} else if (a->error == ECANCELED) {
		counter_add(&cancelled, 1);
		CHECK_EQ(result, 0);
		CHECK_EQ(mrpc_conn_close(a->conn), EALREADY);
	} else {
		counter_add(&refused, 1);
		CHECK_EQ(a->error, ECONNREFUSED);
		/* closed within the callback, or after it */
		CHECK_EQ(result, ENOTCONN);
	}
	CHECK_EQ(counter_get(&a->told), 1);
	CHECK_EQ(counter_get(&a->probe.disconnects), a->error == 0);
	mrpc_conn_unref(a->conn);
	free(a);
}

static void *run(void *arg)
{
	int n = (int)(intptr_t)arg, i;

	/* On a busy machine a yield takes long. */
	for (i = 0; i < ROUNDS && now_ms() < last_round; i++)
		round_of(n + THREADS * i);
	return NULL;
}

int main(void)
{
	pthread_t threads[THREADS];
	struct place place;
	struct leaks leaks;
	int i;

	REQUIRE_EQ(chdir(test_scratch()), 0);
	leaks_begin(&leaks);
	close(peer_listen(closed));
	place_open(&place);
	REQUIRE_EQ(mrpc_listen(place.set, AF_INET, "127.0.0.1", &port), 0);
	REQUIRE_EQ(place_listen_unix(&place, path), 0);
	set = client_open();
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);

	SECTION("one callback each, and a disconnect for those that were told 0");
	last_round = now_ms() + 8000;
	for (i = 0; i < THREADS; i++)
		threads[i] = thread_start(run, (void *)(intptr_t)i);
	for (i = 0; i < THREADS; i++)
		thread_join(threads[i]);
	tap_note("%ld stood, %ld were cancelled, %ld refused", counter_get(&stood),
		 counter_get(&cancelled), counter_get(&refused));
	CHECK(counter_get(&cancelled) > 0);

	SECTION("nothing is left");
	place_close(&place);
	mrpc_conn_set_unref(set);
	free(port);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
