/* PROTO: test.mx */
/*
 * A peer sends a burst of any size and goes: all of it is handled, then the
 * disconnect fires, whether the end of the stream was seen with the first bytes
 * or later, and wherever reading paused between.
 */
#include "destroy.h"

enum { LEN = HEADER_LEN + 4 };

static const struct test_server_operations ops = { .notify = count_notify };

enum how { CLOSED, SHUT_DOWN, HOWS };
static const char *const names[] = { "closed", "shut down" };

/* All is in the socket before the library sees it. */
static void run(int messages, enum how how, int threads)
{
	unsigned char *burst = calloc((size_t)messages, LEN);
	int size = 4 << 20, fds[2], i;
	struct leaks leaks;
	struct probe probe;
	struct mrpc_conn_set *set;
	struct mrpc_connection *conn;

	leaks_begin(&leaks);
	counter_init(&notified);
	probe_init(&probe);
	for (i = 0; i < messages; i++)
		peer_header(burst + i * LEN, 0, PENDING, nr_test_notify, 4);
	REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	REQUIRE_EQ(setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
	REQUIRE_EQ(send(fds[1], burst, (size_t)messages * LEN, MSG_DONTWAIT), messages * LEN);
	if (how == CLOSED)
		close(fds[1]);
	else
		REQUIRE_EQ(shutdown(fds[1], SHUT_WR), 0);
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_server, NULL), 0);
	probe_watch(set);
	for (i = 0; i < threads; i++)
		REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	REQUIRE_EQ(mrpc_conn_create(&conn, set, &probe), 0);
	REQUIRE_EQ(test_server_set_operations(conn, &ops), 0);
	REQUIRE_EQ(mrpc_bind_fd(conn, fds[0]), 0);
	if (threads == 0) {
		mrpc_dispatcher_add(set);
		DISPATCH_UNTIL(set, counter_get(&probe.disconnects) == 1);
		mrpc_dispatcher_remove(set);
	} else {
		COUNTER_WAIT(&probe.disconnects, 1);
	}
	CHECK_EQ(counter_get(&notified), messages);
	CHECK_EQ(probe.reason, MRPC_DISC_CLOSED);
	if (how == SHUT_DOWN)
		close(fds[1]);
	mrpc_conn_unref(conn);
	mrpc_conn_set_unref(set);
	LEAKS_CHECK(&leaks);
	free(burst);
}

int main(void)
{
	/* below, at and above every power of two of bytes that a reader may use */
	static const int sizes[] = {
		1, 204, 205, 819, 820, 3276, 3277, 4000, 5000, 6553, 6554, 8000, 10000, 13107,
		15000
	};
	size_t i;
	int how, threads;

	for (how = 0; how < HOWS; how++)
		for (threads = 0; threads < 3; threads++)
			for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
				SECTION("%d messages, then %s, %d dispatch threads", sizes[i],
					names[how], threads);
				run(sizes[i], (enum how)how, threads);
			}
	return tap_done();
}
