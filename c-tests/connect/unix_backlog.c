/*
 * A Unix socket whose backlog is full: tried again until there is room, or the timeout;
 * without one, as long as it takes, also when signals interrupt the caller.
 */
/* PROTO: test.mx */
/* NEEDS: additions */
#include "connect.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/un.h>

enum { LIMIT = 300, TARDY = 5000 };

static struct mrpc_conn_set *set;

struct waiter {
	pthread_t thread;
	struct mrpc_connection *conn;
	struct probe probe;
	atomic_int number;
	struct counter connected;
	int result;
};

static void *wait_for_room(void *arg)
{
	struct waiter *w = arg;

	w->number = thread_number();
	w->result = mrpc_connect(w->conn, AF_UNIX, "socket", "");
	counter_add(&w->connected, 1);
	return NULL;
}

static void waiter_start(struct waiter *w)
{
	probe_init(&w->probe);
	counter_init(&w->connected);
	w->number = 0;
	w->result = -1;
	REQUIRE_EQ(mrpc_conn_create(&w->conn, set, &w->probe), 0);
	w->thread = thread_start(wait_for_room, w);
	WAIT_FOR(w->number != 0);
}

/* There is room now; the waiter's peer is at the end of the backlog. */
static void waiter_finish(struct waiter *w, int listener)
{
	int taken[8], n = 0;

	do
		REQUIRE((taken[n++] = accept(listener, NULL, NULL)) >= 0);
	while (n < 2);
	COUNTER_WAIT(&w->connected, 1);
	CHECK_EQ(w->result, 0);
	thread_join(w->thread);
	while (n > 0)
		close(taken[--n]);
	CHECK_EQ(mrpc_conn_close(w->conn), 0);
	COUNTER_WAIT(&w->probe.disconnects, 1);
	mrpc_conn_unref(w->conn);
}

static void on_signal(int signal)
{
	(void)signal;
}

/* A backlog of 0 takes one. */
static int fill(const struct sockaddr_un *un)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	REQUIRE_EQ(connect(fd, (const struct sockaddr *)un, sizeof(*un)), 0);
	return fd;
}

int main(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "socket" };
	struct sigaction action = { .sa_handler = on_signal };
	struct mrpc_connection *conn;
	struct waiter waiter;
	struct probe probe;
	struct leaks leaks;
	int64_t start, took;
	int listener, filler, i;

	REQUIRE_EQ(chdir(test_scratch()), 0);
	leaks_begin(&leaks);
	set = client_open();
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	REQUIRE(listener >= 0);
	REQUIRE_EQ(bind(listener, (struct sockaddr *)&un, sizeof(un)), 0);
	REQUIRE_EQ(listen(listener, 0), 0);
	filler = fill(&un);

	SECTION("no room: ETIMEDOUT, not early and in time");
	CHECK_EQ(mrpc_set_connect_timeout(set, LIMIT), 0);
	probe_init(&probe);
	REQUIRE_EQ(mrpc_conn_create(&conn, set, &probe), 0);
	start = now_ms();
	CHECK_EQ(mrpc_connect(conn, AF_UNIX, "socket", ""), ETIMEDOUT);
	took = now_ms() - start;
	CHECK_MSG(took >= LIMIT && took <= scaled(TARDY), "after %lld ms", (long long)took);
	mrpc_conn_unref(conn);

	SECTION("room in time");
	CHECK_EQ(mrpc_set_connect_timeout(set, 1000 * 1000), 0);
	waiter_start(&waiter);
	STAYS(counter_get(&waiter.connected) == 0, 100);
	waiter_finish(&waiter, listener);
	close(filler);

	SECTION("without a timeout, and with signals");
	REQUIRE_EQ(sigaction(SIGUSR1, &action, NULL), 0);
	CHECK_EQ(mrpc_set_connect_timeout(set, 0), 0);
	filler = fill(&un);
	waiter_start(&waiter);
	for (i = 0; i < 20; i++) {
		WAIT_FOR(thread_sleeps(waiter.number));
		pthread_kill(waiter.thread, SIGUSR1);
	}
	STAYS(counter_get(&waiter.connected) == 0, 100);
	waiter_finish(&waiter, listener);
	close(filler);

	SECTION("nothing is left");
	close(listener);
	mrpc_conn_set_unref(set);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
