/*
 * One end of ours to a bare socket, whose unread bytes can be seen, and handlers
 * that go on when they are told to. So what the library takes in before it rests
 * is counted exactly: messages are offered one by one, the next when the last has
 * been read.
 */
#ifndef HELD_H
#define HELD_H

#include "extra_rt.h"

#include <netinet/tcp.h>
#include <dirent.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#define UNUSED __attribute__((unused))

enum { MIB = 1 << 20, REST_MS = 300, REST_LOOKS = 100, NO_END = 1000000000 };

/* ---- handlers ---- */

static struct counter begun = COUNTER_INIT;     /* handlers called that hold */
static struct counter tickets = COUNTER_INIT;   /* how many of them may go on */
static struct counter done = COUNTER_INIT;      /* that have */
static struct counter disorder = COUNTER_INIT;  /* numbers that came out of turn */

/* Without a deadline: the test has it. */
static void hold(void)
{
	long n = counter_add(&begun, 1);

	while (counter_get(&tickets) < n)
		tap_pause();
}

UNUSED static void hold_message(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	hold();
	if (*in != (number)counter_get(&done))
		counter_add(&disorder, 1);
	counter_add(&done, 1);
}

UNUSED static void hold_blob(void *data, struct mrpc_message *msg, blob *in)
{
	(void)data;
	(void)msg;
	(void)in;
	hold();
	counter_add(&done, 1);
}

UNUSED static mrpc_status_t limits_echo(void *data, struct mrpc_message *msg, blob *in, blob *out)
{
	counter_add(&done, 1);
	return answer_echo(data, msg, in, out);
}

/* ---- the end ---- */

struct held {
	struct end e;
	int ours;       /* a descriptor of the library's open file */
};

/* Server role; buffers of the socket in bytes, 0 for the system's. */
UNUSED static void held_open(struct held *h, const struct test_server_operations *ops,
			     int threads, bool tcp, int buffers)
{
	int fds[2], i;

	counter_init(&begun);
	counter_init(&tickets);
	counter_init(&done);
	counter_init(&disorder);
	memset(h, 0, sizeof(*h));
	probe_init(&h->e.probe);
	h->e.threads = threads;
	REQUIRE_EQ(mrpc_conn_set_create(&h->e.set, test_server, NULL), 0);
	probe_watch(h->e.set);
	REQUIRE_EQ(mrpc_set_max_buf_len(h->e.set, 4 * MIB), 0);
	for (i = 0; i < threads; i++)
		REQUIRE_EQ(mrpc_start_dispatch_thread(h->e.set), 0);
	if (threads == BY_HAND)
		mrpc_dispatcher_add(h->e.set);
	REQUIRE_EQ(mrpc_conn_create(&h->e.conn, h->e.set, &h->e.probe), 0);
	REQUIRE_EQ(test_server_set_operations(h->e.conn, ops), 0);
	if (tcp)
		tcp_pair(fds);
	else
		REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	for (i = 0; i < 2 && buffers > 0; i++) {
		REQUIRE_EQ(setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &buffers, sizeof(int)), 0);
		REQUIRE_EQ(setsockopt(fds[i], SOL_SOCKET, SO_RCVBUF, &buffers, sizeof(int)), 0);
	}
	REQUIRE((h->ours = fcntl(fds[0], F_DUPFD_CLOEXEC, 0)) >= 0);
	h->e.fd = fds[1];
	/* What is sent has arrived when send returns: no waiting for more, no pacing. */
	if (tcp) {
		int on = 1;

		REQUIRE_EQ(setsockopt(fds[1], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
		/* ENOENT: qemu's user mode takes the name for a number, and swaps its bytes. */
		if (setsockopt(fds[1], IPPROTO_TCP, TCP_CONGESTION, "reno", 4) != 0)
			REQUIRE_EQ(errno, ENOENT);
	}
	REQUIRE_EQ(mrpc_bind_fd(h->e.conn, fds[0]), 0);
}

/* All handlers go on; the peer goes away. */
UNUSED static void held_close(struct held *h)
{
	counter_add(&tickets, NO_END);
	close(h->ours);
	end_close(&h->e);
	CHECK_EQ(counter_get(&disorder), 0);
}

/* What waits in a socket for its reader. */
static int unread(int fd)
{
	int left = 0;

	REQUIRE_EQ(ioctl(fd, FIONREAD, &left), 0);
	return left;
}

/* What is on its way to it: a TCP socket may not have sent all that it took. */
static int in_flight(int fd)
{
	int left = 0;

	return ioctl(fd, SIOCOUTQNSD, &left) == 0 ? left : 0;
}

/* Whether another thread of ours runs, or would if there were a processor for it. */
static bool others_run(void)
{
	char path[300], stat[512], *state;
	struct dirent *entry;
	bool run = false;
	DIR *dir = opendir("/proc/self/task");

	REQUIRE(dir != NULL);
	while (!run && (entry = readdir(dir)) != NULL) {
		FILE *f;

		if (entry->d_name[0] == '.' || atoi(entry->d_name) == (int)syscall(SYS_gettid))
			continue;
		snprintf(path, sizeof(path), "/proc/self/task/%s/stat", entry->d_name);
		f = fopen(path, "re");
		if (f == NULL)
			continue;
		state = fgets(stat, sizeof(stat), f) ? strrchr(stat, ')') : NULL;
		run = state != NULL && state[2] == 'R';
		fclose(f);
	}
	closedir(dir);
	return run;
}

/* Waits until the library has read all; false if it rests: with something to read,
 * its threads were not seen to want to run for so many looks. */
static bool taken(struct held *h)
{
	int left, last = -1, quiet = 0;

	while ((left = unread(h->ours) + in_flight(h->e.fd)) > 0 && quiet < REST_LOOKS) {
		quiet = left != last ? 0 : quiet + !others_run();
		last = left;
		usleep(quiet > 0 ? 1000 : 20);
	}
	return left == 0;
}

/* A message or request with a number; whether it is taken. */
UNUSED static bool offer_number(struct held *h, uint32_t seq, int cmd, int value)
{
	peer_number(h->e.fd, seq, cmd, value);
	return taken(h);
}

/* The same with len bytes of payload, an opaque of all but four. */
UNUSED static bool offer_blob(struct held *h, uint32_t seq, int cmd, unsigned len)
{
	unsigned char *payload = calloc(1, len);

	REQUIRE(payload != NULL);
	put_u32(payload, len - 4);
	peer_send(h->e.fd, seq, PENDING, cmd, payload, len);
	free(payload);
	return taken(h);
}

/* Of so many replies with len bytes, those that are in no socket; the peer has read none. */
static long in_no_socket(struct held *h, long replies, unsigned len)
{
	return replies * (HEADER_LEN + (long)len) - unread(h->e.fd) - in_flight(h->ours);
}

/* Replies that the library has: a handler that is done may not have come back. */
static long replies_made(struct held *h)
{
	struct mrpc_set_stats stats = { .size = sizeof(stats) };

	REQUIRE_EQ(mrpc_get_stats(h->e.set, &stats), 0);
	return (long)stats.requests_answered;
}

/* Requests for echoes of len bytes, from number n on, each when the one before has been answered,
 * until they are not read any more, or `most` were; how many were then. The last of them may have
 * come when there were more replies than the limit, and waits. */
UNUSED static int offer_echoes(struct held *h, int n, int most, unsigned len, long limit)
{
	for (; n < most && offer_blob(h, (uint32_t)n, nr_test_echo, len); n++)
		WAIT_FOR(replies_made(h) == n + 1 ||
			 in_no_socket(h, replies_made(h), len) > limit);
	return n;
}

/* So many requests with len bytes are taken in, while events are stopped. */
UNUSED static void take_in_blobs(struct held *h, int count, int cmd, unsigned len)
{
	int i;

	REQUIRE_EQ(mrpc_stop_events(h->e.conn), 0);
	for (i = 0; i < count; i++)
		REQUIRE(offer_blob(h, (uint32_t)i, cmd, len));
}

/* Messages with the next numbers until one is not taken, most at most; how many
 * were. The one that was not stays behind, unread. */
UNUSED static int offer_notifies(struct held *h, int *next, int most)
{
	int n = 0;

	while (n < most && offer_number(h, 0, nr_test_notify, (*next)++))
		n++;
	return n;
}

#define BETWEEN(value, low, high) do { \
	long long between_ = (value); \
	CHECK_MSG(between_ >= (low) && between_ <= (high), "%s is %lld, expected %lld to %lld", \
		  #value, between_, (long long)(low), (long long)(high)); \
} while (0)

#endif
