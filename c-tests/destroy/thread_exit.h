/*
 * A dispatching thread that ends inside a handler, by pthread_exit: a dispatch
 * thread of the library's, a thread in mrpc_dispatch_loop, one in mrpc_dispatch.
 * The others go on serving; its registration does not keep the set. A handler
 * that had released its event holds nothing back; one that had not may hold its
 * own connection, no other, and not beyond its close.
 */
#ifndef THREAD_EXIT_H
#define THREAD_EXIT_H

#include "destroy.h"

static struct counter left = COUNTER_INIT;
static bool releases;

static void poke(void *data, struct mrpc_message *msg)
{
	(void)data;
	(void)msg;
	if (releases)
		CHECK_EQ(mrpc_release_event(), 0);
	counter_add(&left, 1);
	pthread_exit(NULL);
}

static const struct test_server_operations ops = {
	.ping = answer_ping, .poke = poke, .notify = count_notify
};

enum how { DISPATCH_THREAD, LOOP, BY_CALLS, HOWS };
static const char *const names[] = {
	"a dispatch thread", "mrpc_dispatch_loop", "mrpc_dispatch"
};

static struct counter registered = COUNTER_INIT;

static void *dispatch(void *arg)
{
	struct end *e = arg;

	mrpc_dispatcher_add(e->set);
	counter_add(&registered, 1);
	for (;;)
		dispatch_once(e->set);
	return NULL;
}

static void *loop(void *arg)
{
	struct end *e = arg;

	mrpc_dispatcher_add(e->set);
	counter_add(&registered, 1);
	mrpc_dispatch_loop(e->set);
	CHECK(!"comes back");
	return NULL;
}

static void run(enum how how)
{
	struct mrpc_connection *other;
	struct probe other_probe;
	pthread_t thread = pthread_self();
	struct end e;
	int fd, i;

	counter_init(&left);
	counter_init(&notified);
	counter_init(&registered);
	end_open_server(&e, &ops, how == DISPATCH_THREAD ? 1 : 0);
	if (how == BY_CALLS)
		thread = thread_start(dispatch, &e);
	if (how == LOOP)
		thread = thread_start(loop, &e);
	if (how != DISPATCH_THREAD) {
		mrpc_dispatcher_remove(e.set);
		COUNTER_WAIT(&registered, 1);
	}
	/* The only dispatcher ends; what comes behind finds none, yet. */
	peer_send(e.fd, 0, PENDING, nr_test_poke, NULL, 0);
	COUNTER_WAIT(&left, 1);
	if (how != DISPATCH_THREAD)
		thread_join(thread);
	e.threads = 1;
	REQUIRE_EQ(mrpc_start_dispatch_thread(e.set), 0);

	probe_init(&other_probe);
	fd = end_add(e.set, &other, &other_probe, false);
	REQUIRE_EQ(test_server_set_operations(other, &ops), 0);
	for (i = 0; i < 20; i++) {
		peer_send(fd, (uint32_t)i, PENDING, nr_test_ping, NULL, 0);
		PEER_EXPECT(fd, (uint32_t)i, MINIRPC_OK, nr_test_ping, NULL, 0);
	}
	close(fd);
	COUNTER_WAIT(&other_probe.disconnects, 1);
	mrpc_conn_unref(other);

	if (releases) {
		for (i = 0; i < 20; i++)
			peer_number(e.fd, 0, nr_test_notify, i);
		peer_send(e.fd, 7, PENDING, nr_test_ping, NULL, 0);
		PEER_EXPECT(e.fd, 7, MINIRPC_OK, nr_test_ping, NULL, 0);
		CHECK_EQ(counter_get(&notified), 20);
	}
	end_close(&e);
}

/* Stops where something was left over: what comes after would only say it again. */
static int run_all(enum how first, enum how last)
{
	struct leaks leaks;
	int i, round;

	leaks_begin(&leaks);
	for (round = 0; round < 6; round++)
		for (i = (int)first; i <= (int)last; i++) {
			releases = round % 2 == 0;
			SECTION("%s, the event %sreleased", names[i], releases ? "" : "not ");
			run((enum how)i);
			if (!LEAKS_CHECK(&leaks))
				return tap_done();
		}
	return tap_done();
}

#endif
