/* PROTO: test.mx */
/*
 * A connection ends while a thread sends on it, and its descriptor's number is used
 * again at once: nothing that was meant for the connection gets there.
 */
#include "extra_rt.h"

#include <sys/ioctl.h>

enum { ROUNDS = 300, PAIRS = 12 };

static struct counter sending = COUNTER_INIT;

static void *send_on(void *arg)
{
	counter_add(&sending, 1);
	while (test_tick(arg) == MINIRPC_OK)
		continue;
	return NULL;
}

static int unread(int fd)
{
	int n = 0;

	REQUIRE_EQ(ioctl(fd, FIONREAD, &n), 0);
	return n;
}

static bool run(struct end *e)
{
	struct mrpc_connection *conn;
	int pairs[PAIRS][2], fd, i;
	struct probe probe;
	pthread_t thread;
	bool ok = true;

	counter_init(&sending);
	probe_init(&probe);
	fd = end_add(e->set, &conn, &probe, false);
	thread = thread_start(send_on, conn);
	COUNTER_WAIT(&sending, 1);
	shutdown(fd, SHUT_RDWR);
	for (i = 0; i < PAIRS; i++) {
		struct timespec pause = { 0, 20000 };

		nanosleep(&pause, NULL);
		REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pairs[i]), 0);
	}
	thread_join(thread);
	for (i = 0; i < PAIRS; i++) {
		ok = CHECK_EQ(unread(pairs[i][0]) + unread(pairs[i][1]), 0) && ok;
		close(pairs[i][0]);
		close(pairs[i][1]);
	}
	ok = COUNTER_WAIT(&probe.disconnects, 1) && ok;
	close(fd);
	mrpc_conn_unref(conn);
	return ok;
}

int main(void)
{
	struct end e;
	int i;

	SECTION("%d connections that end under a sender", ROUNDS);
	end_open(&e, test_server, 1, false);
	for (i = 0; i < ROUNDS && run(&e); i++)
		continue;
	end_close(&e);
	return tap_done();
}
