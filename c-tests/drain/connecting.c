/* PROTO: test.mx */
/* NEEDS: additions */
/*
 * Attempts to connect that are under way when their set is drained: they do not keep the
 * drain. Those that nobody waits for end at once; one that somebody waits for ends when it would
 * stand: ESHUTDOWN, and the peer sees the end.
 */
#include "../connect/attempt.h"

#include <sys/un.h>

struct blocked {
	struct mrpc_connection *conn;
	struct probe probe;
	int number;
	int result;
};

static void *connect_blocked(void *arg)
{
	struct blocked *b = arg;

	__atomic_store_n(&b->number, thread_number(), __ATOMIC_SEQ_CST);
	b->result = mrpc_connect(b->conn, AF_UNIX, "full", "");
	return NULL;
}

int main(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "full" };
	struct mrpc_set_stats stats = { .size = sizeof(stats) };
	struct mrpc_conn_set *set;
	struct blocked blocked = { .result = -1 };
	struct attempt a, hangs;
	struct leaks leaks;
	struct full full;
	pthread_t thread;
	int listener, first, peer[2], i;
	char text[64];

	leaks_begin(&leaks);
	full_open(&full);
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
	attempt_init(&hangs, set);
	CHECK_EQ(attempt_tcp(&hangs, full.port), 0);
	STAYS(counter_get(&a.told) + counter_get(&hangs.told) == 0, 50);
	probe_init(&blocked.probe);
	REQUIRE_EQ(mrpc_conn_create(&blocked.conn, set, &blocked.probe), 0);
	thread = thread_start(connect_blocked, &blocked);
	WAIT_FOR(__atomic_load_n(&blocked.number, __ATOMIC_SEQ_CST) != 0);
	WAIT_FOR(thread_sleeps(blocked.number));
	CHECK_EQ(mrpc_drain(set, (unsigned)scaled(10000)), 0);

	SECTION("those that nobody waits for end at once, whatever they wait for");
	COUNTER_WAIT(&a.told, 1);
	COUNTER_WAIT(&hangs.told, 1);
	CHECK_EQ(a.error, ESHUTDOWN);
	CHECK_EQ(hangs.error, ESHUTDOWN);
	CHECK_EQ(attempt_tcp(&hangs, full.port), ESHUTDOWN);

	SECTION("what would stand after it does not");
	for (i = 0; i < 2; i++)
		REQUIRE((peer[i] = accept(listener, NULL, NULL)) >= 0);
	thread_join(thread);
	CHECK_EQ(blocked.result, ESHUTDOWN);
	PEER_EOF(peer[1]);
	CHECK_EQ(mrpc_conn_get_error(a.conn, text, sizeof(text)), 0);
	CHECK_STR(text, "the set has been drained");
	CHECK_EQ(mrpc_get_stats(set, &stats), 0);
	CHECK_EQ(stats.connections_max, 0);
	CHECK_EQ(mrpc_drain(set, (unsigned)scaled(10000)), 0);
	CHECK_EQ(counter_get(&a.probe.disconnects) + counter_get(&blocked.probe.disconnects), 0);

	SECTION("nothing is left");
	mrpc_conn_unref(a.conn);
	mrpc_conn_unref(hangs.conn);
	mrpc_conn_unref(blocked.conn);
	mrpc_conn_set_unref(set);
	for (i = 0; i < 2; i++)
		close(peer[i]);
	full_close(&full);
	close(first);
	close(listener);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
