/* PROTO: test.mx */
/*
 * Signals that interrupt threads inside the library, without SA_RESTART, have
 * no effect on any call that blocks.
 */
#define _GNU_SOURCE
#include "fault.h"

#include <stdatomic.h>
#include <sys/syscall.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static atomic_int signals;

static void on_signal(int sig)
{
	(void)sig;
	signals++;
}

/* The calling thread is interrupted every 300 microseconds. */
static timer_t storm(void)
{
	struct itimerspec every = { { 0, 300000 }, { 0, 300000 } };
	struct sigevent event;
	timer_t timer;

	memset(&event, 0, sizeof(event));
	event.sigev_notify = SIGEV_THREAD_ID;
	event.sigev_signo = SIGUSR1;
	event.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
	REQUIRE_EQ(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
	REQUIRE_EQ(timer_settime(timer, 0, &every, NULL), 0);
	return timer;
}

static void *loop(void *set)
{
	timer_t timer;

	mrpc_dispatcher_add(set);
	timer = storm();
	CHECK_EQ(mrpc_dispatch_loop(set), ENXIO);
	timer_delete(timer);
	mrpc_dispatcher_remove(set);
	return NULL;
}

/* A sync call that has to wait, and says how it ended. */
static void *wait_long(void *conn)
{
	timer_t timer = storm();
	number gate = 1;

	CHECK_EQ(test_put(conn, &gate), MINIRPC_OK);
	timer_delete(timer);
	return NULL;
}

int main(void)
{
	struct sigaction action;
	struct mrpc_conn_set *set;
	struct mrpc_connection *conn, *second;
	pthread_t dispatcher, caller;
	struct leaks leaks;
	struct probe probe;
	char *port = NULL;
	timer_t timer;
	int i, before;

	leaks_begin(&leaks);
	memset(&action, 0, sizeof(action));
	action.sa_handler = on_signal;
	sigaction(SIGUSR1, &action, NULL);
	server_start(0);
	dispatcher = thread_start(loop, server.set);
	probe_init(&probe);
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_client, NULL), 0);
	probe_watch(set);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	REQUIRE_EQ(mrpc_conn_create(&conn, set, &probe), 0);
	timer = storm();

	SECTION("connect and listen");
	REQUIRE_EQ(mrpc_connect(conn, AF_UNSPEC, "localhost", server.port), 0);
	CHECK_EQ(mrpc_listen(server.set, AF_INET, "localhost", &port), 0);
	for (i = 0; i < 20; i++) {
		REQUIRE_EQ(mrpc_conn_create(&second, set, &probe), 0);
		CHECK_EQ(mrpc_connect(second, AF_INET, NULL, port), 0);
		CHECK_EQ(mrpc_conn_close(second), 0);
		mrpc_conn_unref(second);
	}

	SECTION("sync calls, at both ends, until a hundred signals have come");
	before = signals;
	for (i = 0; i < 500 || signals < before + 100; i++)
		if (!CHECK_EQ(test_ping(conn), MINIRPC_OK))
			break;

	SECTION("a sync call that waits");
	caller = thread_start(wait_long, conn);
	before = signals;
	WAIT_FOR(signals > before + 100);
	counter_add(&server.gate, 1);
	thread_join(caller);
	timer_delete(timer);

	SECTION("all was one connection after the other, in order");
	CHECK_EQ(mrpc_conn_close(conn), 0);
	COUNTER_WAIT(&probe.disconnects, 21);
	mrpc_conn_unref(conn);
	mrpc_conn_set_unref(set);
	server_stop();
	thread_join(dispatcher);
	free(port);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
