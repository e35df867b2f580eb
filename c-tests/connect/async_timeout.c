/*
 * mrpc_connect_async and time: the timeout of mrpc_set_connect_timeout, also with nobody but
 * the library's thread to see to it; a full Unix backlog is tried again; without a timeout
 * nothing ends.
 */
/* PROTO: test.mx */
/* NEEDS: additions */
#include "attempt.h"

#include <sys/un.h>

enum { LIMIT = 300, TARDY = 5000, MANY = 50 };

static void times_out(struct attempt *a, int64_t start)
{
	int64_t took = now_ms() - start;

	CHECK_EQ(a->error, ETIMEDOUT);
	CHECK_MSG(took >= LIMIT && took <= scaled(TARDY), "after %lld ms", (long long)took);
}

int main(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "socket" };
	static struct attempt many[MANY];
	struct mrpc_conn_set *set, *quiet;
	struct attempt a, b;
	struct full full;
	struct leaks leaks;
	int listener, filler, peers[2], i;
	int64_t start;

	REQUIRE_EQ(chdir(test_scratch()), 0);
	leaks_begin(&leaks);
	set = client_open();
	REQUIRE_EQ(mrpc_conn_set_create(&quiet, test_client, NULL), 0);
	probe_watch(quiet);
	full_open(&full);

	SECTION("none: it goes on");
	attempt_init(&b, set);
	CHECK_EQ(attempt_tcp(&b, full.port), 0);

	SECTION("ETIMEDOUT, not early and in time");
	CHECK_EQ(mrpc_set_connect_timeout(set, LIMIT), 0);
	attempt_init(&a, set);
	start = now_ms();
	CHECK_EQ(attempt_tcp(&a, full.port), 0);
	COUNTER_WAIT(&a.told, 1);
	times_out(&a, start);
	error_is(a.conn, "127.0.0.1: no connection within 300 ms");

	SECTION("again on the same handle, and many at once");
	start = now_ms();
	CHECK_EQ(attempt_tcp(&a, full.port), 0);
	for (i = 0; i < MANY; i++) {
		attempt_init(&many[i], set);
		CHECK_EQ(attempt_tcp(&many[i], full.port), 0);
	}
	COUNTER_WAIT(&a.told, 2);
	times_out(&a, start);
	for (i = 0; i < MANY; i++) {
		COUNTER_WAIT(&many[i].told, 1);
		times_out(&many[i], start);
		mrpc_conn_unref(many[i].conn);
	}
	mrpc_conn_unref(a.conn);

	SECTION("without a dispatcher, the event is there in time");
	CHECK_EQ(mrpc_set_connect_timeout(quiet, LIMIT), 0);
	attempt_init(&a, quiet);
	start = now_ms();
	CHECK_EQ(attempt_tcp(&a, full.port), 0);
	mrpc_dispatcher_add(quiet);
	WAIT_FOR(mrpc_dispatch(quiet, 1) == 0);
	CHECK_EQ(counter_get(&a.told), 1);
	times_out(&a, start);
	mrpc_dispatcher_remove(quiet);
	mrpc_conn_unref(a.conn);

	SECTION("a full Unix backlog: ETIMEDOUT");
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	REQUIRE(listener >= 0);
	REQUIRE_EQ(bind(listener, (struct sockaddr *)&un, sizeof(un)), 0);
	REQUIRE_EQ(listen(listener, 0), 0);
	filler = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	REQUIRE_EQ(connect(filler, (struct sockaddr *)&un, sizeof(un)), 0);
	attempt_init(&a, set);
	start = now_ms();
	CHECK_EQ(mrpc_connect_async(a.conn, AF_UNIX, "socket", "", attempt_told, &a), 0);
	COUNTER_WAIT(&a.told, 1);
	times_out(&a, start);

	SECTION("and connects when there is room, without a timeout, too");
	CHECK_EQ(mrpc_set_connect_timeout(set, 0), 0);
	CHECK_EQ(mrpc_connect_async(a.conn, AF_UNIX, "socket", "", attempt_told, &a), 0);
	STAYS(counter_get(&a.told) == 1, 200);
	for (i = 0; i < 2; i++)
		REQUIRE((peers[i] = accept(listener, NULL, NULL)) >= 0);
	COUNTER_WAIT(&a.told, 2);
	CHECK_EQ(a.error, 0);
	attempt_end(&a);
	for (i = 0; i < 2; i++)
		close(peers[i]);
	close(filler);
	close(listener);

	SECTION("the first has not ended");
	CHECK_EQ(counter_get(&b.told), 0);
	CHECK_EQ(mrpc_conn_close(b.conn), 0);
	COUNTER_WAIT(&b.told, 1);
	CHECK_EQ(b.error, ECANCELED);
	mrpc_conn_unref(b.conn);

	SECTION("nothing is left");
	full_close(&full);
	mrpc_conn_set_unref(quiet);
	mrpc_conn_set_unref(set);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
