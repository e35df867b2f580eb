/* PROTO: test.mx */
/* MODES: plain (what a cancelled thread held may be lost) */
/*
 * pthread_cancel of a thread that waits in mrpc_dispatch_loop: other dispatchers,
 * there already or started later, go on, also with what it was woken for, and the set
 * can be destroyed.
 */
#include "cancel.h"

enum { PINGS = 20 };

static void unregister(void *set)
{
	mrpc_dispatcher_remove(set);
}

static void loop(void *set)
{
	mrpc_dispatcher_add(set);
	mrpc_dispatch_loop(set);
	mrpc_dispatcher_remove(set);
}

/* As a careful application does. */
static void loop_clean(void *set)
{
	mrpc_dispatcher_add(set);
	pthread_cleanup_push(unregister, set);
	mrpc_dispatch_loop(set);
	pthread_cleanup_pop(1);
}

static void (*const loops[])(void *) = { loop, loop_clean };

/* Events are queued, while both sleep and one of them is to end as soon as it wakes up. */
static void queued_for(struct waiter *cancelled, struct waiter *other, int fd)
{
	struct mrpc_conn_stats stats = { .size = sizeof(stats) };
	struct mrpc_connection *conn = server.last;

	REQUIRE_EQ(mrpc_stop_events(conn), 0);
	peer_send(fd, 3, PENDING, nr_test_ping, NULL, 0);
	WAIT_FOR(mrpc_conn_get_stats(conn, &stats) == 0 && stats.requests_waiting == 1);
	WAIT_FOR(thread_sleeps(cancelled->number) && thread_sleeps(other->number));
	waiter_cancel(cancelled);
	REQUIRE_EQ(mrpc_start_events(conn), 0);
	PEER_EXPECT(fd, 3, MINIRPC_OK, nr_test_ping, NULL, 0);
}

static void finish(struct waiter *cancelled, int fd)
{
	close(fd);
	server_stop();
	waiter_join(cancelled);
}

int main(void)
{
	struct leaks leaks;
	struct waiter first, second;
	int fd, other, how, i;

	leaks_begin(&leaks);
	for (how = 0; how < 2; how++) {
		const char *name = how ? "with a cleanup handler" : "without a cleanup handler";

		SECTION("the only one, %s; another comes", name);
		server_start(0);
		waiter_start(&first, loops[how], server.set);
		fd = server_peer();
		pings(fd, PINGS);
		WAIT_FOR(thread_sleeps(first.number));
		waiter_cancel(&first);
		REQUIRE_EQ(mrpc_start_dispatch_thread(server.set), 0);
		pings(fd, PINGS);
		other = server_peer();
		pings(other, PINGS);
		close(other);
		finish(&first, fd);
		LEAKS_CHECK(&leaks);

		SECTION("the only one, %s; nobody ever had a connection", name);
		server_start(0);
		waiter_start(&first, loops[how], server.set);
		waiter_cancel(&first);
		REQUIRE_EQ(mrpc_start_dispatch_thread(server.set), 0);
		fd = server_peer();
		pings(fd, PINGS);
		finish(&first, fd);
		LEAKS_CHECK(&leaks);

		for (i = 0; i < 2; i++) {
			SECTION("the %s of two, %s", i ? "second" : "first", name);
			server_start(0);
			waiter_start(&first, loops[how], server.set);
			waiter_start(&second, loops[how], server.set);
			waiter_cancel(i ? &second : &first);
			fd = server_peer();
			pings(fd, PINGS);
			other = server_peer();
			pings(other, PINGS);
			pings(fd, PINGS);
			close(other);
			finish(i ? &second : &first, fd);
			waiter_join(i ? &first : &second);
			LEAKS_CHECK(&leaks);
		}

		for (i = 0; i < 4; i++) {
			SECTION("the %s of two, %s, which would have run what is queued, in %d loops",
				i % 2 ? "second" : "first", name, 1 + i / 2);
			server_start(0);
			REQUIRE_EQ(mrpc_set_max_loops(server.set, 1 + i / 2), 0);
			waiter_start(&first, loops[how], server.set);
			waiter_start(&second, loops[how], server.set);
			fd = server_peer();
			queued_for(i % 2 ? &second : &first, i % 2 ? &first : &second, fd);
			pings(fd, PINGS);
			finish(&first, fd);
			waiter_join(&second);
			LEAKS_CHECK(&leaks);
		}

		SECTION("the only one, %s; the set is destroyed", name);
		server_start(0);
		waiter_start(&first, loops[how], server.set);
		waiter_cancel(&first);
		server_stop();
		waiter_join(&first);
		LEAKS_CHECK(&leaks);
	}
	return tap_done();
}
