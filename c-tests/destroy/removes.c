/* PROTO: test.mx */
/*
 * Registrations that do not add up never keep a set from being destroyed:
 * mrpc_dispatcher_remove without its add, more removes than adds, threads that
 * end without a remove, or with one too few.
 */
#include "destroy.h"

static struct mrpc_conn_set *set;

enum misuse { NO_REMOVE, TWO_ADDS, TWO_ADDS_ONE_REMOVE, NO_ADD, TWO_REMOVES, DISPATCHED,
	      MISUSES };
static const char *const names[] = {
	"no remove", "two adds", "two adds, one remove", "no add", "two removes",
	"dispatched, no remove"
};

static void *misuse(void *arg)
{
	enum misuse what = (enum misuse)(intptr_t)arg;

	if (what != NO_ADD)
		mrpc_dispatcher_add(set);
	if (what == TWO_ADDS || what == TWO_ADDS_ONE_REMOVE)
		mrpc_dispatcher_add(set);
	if (what == DISPATCHED)
		CHECK_EQ(mrpc_dispatch(set, 0), EAGAIN);
	if (what == TWO_ADDS_ONE_REMOVE || what == NO_ADD || what == TWO_REMOVES)
		mrpc_dispatcher_remove(set);
	if (what == TWO_REMOVES)
		mrpc_dispatcher_remove(set);
	return NULL;
}

/* The set still serves, and then goes. */
static void serves_and_goes(int threads)
{
	static const struct test_server_operations ops = { .ping = answer_ping };
	struct mrpc_connection *conn;
	struct dispatcher d;
	struct probe probe;
	int fd, i;

	probe_init(&probe);
	probe_watch(set);
	dispatcher_start(&d, set);
	for (i = 0; i < threads; i++)
		REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	fd = end_add(set, &conn, &probe, false);
	REQUIRE_EQ(test_server_set_operations(conn, &ops), 0);
	peer_send(fd, 1, PENDING, nr_test_ping, NULL, 0);
	PEER_EXPECT(fd, 1, MINIRPC_OK, nr_test_ping, NULL, 0);
	close(fd);
	COUNTER_WAIT(&probe.disconnects, 1);
	mrpc_conn_unref(conn);
	mrpc_conn_set_unref(set);
	CHECK_EQ(dispatcher_join(&d), ENXIO);
}

static void *while_alive(void *arg)
{
	misuse(arg);
	return NULL;
}

int main(void)
{
	struct leaks leaks;
	int i, k;

	leaks_begin(&leaks);
	for (i = 0; i < MISUSES; i++)
		for (k = 0; k < 3; k++) {
			SECTION("%s, %d dispatch threads", names[i], k);
			REQUIRE_EQ(mrpc_conn_set_create(&set, test_server, NULL), 0);
			thread_join(thread_start(misuse, (void *)(intptr_t)i));
			serves_and_goes(k);
			LEAKS_CHECK(&leaks);
		}

	SECTION("by the thread that goes on, removes too many");
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_server, NULL), 0);
	misuse((void *)NO_ADD);
	misuse((void *)TWO_REMOVES);
	mrpc_dispatcher_add(set);
	CHECK_EQ(mrpc_dispatch(set, 0), EAGAIN);
	mrpc_dispatcher_remove(set);
	serves_and_goes(1);
	LEAKS_CHECK(&leaks);

	SECTION("a thread that ends after the set's destruction has begun");
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_server, NULL), 0);
	{
		pthread_t thread = thread_start(while_alive, (void *)DISPATCHED);

		thread_join(thread);
		mrpc_conn_set_unref(set);
	}
	LEAKS_CHECK(&leaks);
	return tap_done();
}
