/* PROTO: test.mx */
/* NEEDS: additions */
/*
 * Attempts to connect that are under way when their set is drained: they do not keep the
 * drain, and what would stand later does not: ESHUTDOWN, and the peer sees the end.
 */
#include "../connect/attempt.h"

#include <sys/un.h>

struct blocked {
	struct mrpc_connection *conn;
	struct probe probe;
	volatile int number;
	int result;
};

static void *connect_blocked(void *arg)
{
	struct blocked *b = arg;

	b->number = thread_number();
	b->result = mrpc_connect(b->conn, AF_UNIX, "full", "");
	return NULL;
}

int main(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "full" };
	struct mrpc_set_stats stats = { .size = sizeof(stats) };
	struct mrpc_conn_set *set;
	struct blocked blocked = { .result = -1 };
	struct attempt a;
	struct leaks leaks;
	pthread_t thread;
	int listener, first, peer[3], i;
	char text[64];

	leaks_begin(&leaks);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	first = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	unlink(un.sun_path);
	REQUIRE_EQ(bind(listener, (struct sockaddr *)&un, sizeof(un)), 0);
	REQUIRE_EQ(listen(listener, 0), 0);
	/* A backlog of 0 takes one. */
	REQUIRE_EQ(connect(first, (struct sockaddr *)&un, sizeof(un)), 0);

	SECTION("the drain does not wait for them");
	set = client_open();
	attempt_init(&a, set);
	CHECK_EQ(mrpc_connect_async(a.conn, AF_UNIX, "full", "", attempt_told, &a), 0);
	probe_init(&blocked.probe);
	REQUIRE_EQ(mrpc_conn_create(&blocked.conn, set, &blocked.probe), 0);
	thread = thread_start(connect_blocked, &blocked);
	WAIT_FOR(blocked.number != 0 && thread_sleeps(blocked.number));
	CHECK_EQ(mrpc_drain(set, (unsigned)scaled(10000)), 0);
	CHECK_EQ(counter_get(&a.told), 0);

	SECTION("what would stand after it does not");
	for (i = 0; i < 3; i++)
		REQUIRE((peer[i] = accept(listener, NULL, NULL)) >= 0);
	COUNTER_WAIT(&a.told, 1);
	thread_join(thread);
	CHECK_EQ(a.error, ESHUTDOWN);
	CHECK_EQ(blocked.result, ESHUTDOWN);
	PEER_EOF(peer[1]);
	PEER_EOF(peer[2]);
	CHECK_EQ(mrpc_conn_get_error(a.conn, text, sizeof(text)), 0);
	CHECK_STR(text, "the set has been drained");
	CHECK_EQ(mrpc_get_stats(set, &stats), 0);
	CHECK_EQ(stats.connections_max, 0);
	CHECK_EQ(mrpc_drain(set, (unsigned)scaled(10000)), 0);
	CHECK_EQ(counter_get(&a.probe.disconnects) + counter_get(&blocked.probe.disconnects), 0);

	SECTION("nothing is left");
	mrpc_conn_unref(a.conn);
	mrpc_conn_unref(blocked.conn);
	mrpc_conn_set_unref(set);
	for (i = 0; i < 3; i++)
		close(peer[i]);
	close(first);
	close(listener);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
