/* PROTO: test.mx */
/* MODES: plain (measures processor time) */
/* TIMEOUT: 60 */
/*
 * O_NONBLOCK is of the open file, not of the descriptor: whoever shares it, the
 * application or another process, may set it, or clear it, behind the library's
 * back. A caller that waits then costs no processor time, large payloads take no
 * longer, and one connection stalls no other.
 */
#include "fault.h"

enum { WAIT_MS = 500, LEN = 8000000, ECHOES = 4, BUFFER = 4096, TRIES = 5 };

/* An end of ours, and a descriptor of the same open file. */
struct shared {
	struct end e;
	int ours;
};

static void set_nonblock(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	REQUIRE(flags >= 0);
	REQUIRE_EQ(fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK), 0);
}

static void shared_open(struct shared *s, bool tcp)
{
	int fds[2];

	memset(s, 0, sizeof(*s));
	probe_init(&s->e.probe);
	s->e.threads = 1;
	REQUIRE_EQ(mrpc_conn_set_create(&s->e.set, test_client, NULL), 0);
	probe_watch(s->e.set);
	REQUIRE_EQ(mrpc_start_dispatch_thread(s->e.set), 0);
	REQUIRE_EQ(mrpc_conn_create(&s->e.conn, s->e.set, &s->e.probe), 0);
	if (tcp)
		tcp_pair(fds);
	else
		REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	REQUIRE((s->ours = fcntl(fds[0], F_DUPFD_CLOEXEC, 0)) >= 0);
	REQUIRE_EQ(mrpc_bind_fd(s->e.conn, fds[0]), 0);
	s->e.fd = fds[1];
}

static void shared_close(struct shared *s)
{
	close(s->ours);
	end_close(&s->e);
}

/* ---- waiting ---- */

static void *call(void *conn)
{
	number n = 1;

	CHECK_EQ(test_put(conn, &n), MINIRPC_OK);
	return NULL;
}

/* Callers that wait, each with its request at the peer. */
static void check_idle(struct shared *s, int callers, bool set_while_waiting)
{
	uint32_t seqs[4];
	pthread_t threads[4];
	struct frame f;
	int64_t start;
	double used;
	int i;

	if (!set_while_waiting)
		set_nonblock(s->ours, true);
	for (i = 0; i < callers; i++) {
		threads[i] = thread_start(call, s->e.conn);
		peer_recv(s->e.fd, &f);
		seqs[i] = f.seq;
		free(f.data);
	}
	if (set_while_waiting) {
		set_nonblock(s->ours, true);
		peer_number(s->e.fd, 0, nr_test_event, 1);      /* whoever reads looks again */
	}
	used = cpu_ms();
	start = now_ms();
	while (now_ms() < start + WAIT_MS)
		usleep(10000);
	used = cpu_ms() - used;
	CHECK_MSG(used < 0.2 * (double)(now_ms() - start), "used %.0f of %lld ms", used,
		  (long long)(now_ms() - start));
	for (i = 0; i < callers; i++)
		peer_send(s->e.fd, seqs[i], MINIRPC_OK, nr_test_put, NULL, 0);
	for (i = 0; i < callers; i++)
		thread_join(threads[i]);
}

/* ---- large payloads through small buffers ---- */

static void small_pair(int fds[2])
{
	int size = BUFFER, i;

	REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	for (i = 0; i < 2; i++) {
		REQUIRE_EQ(setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
		REQUIRE_EQ(setsockopt(fds[i], SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
	}
}

/* What it takes at least: poll, and what the socket takes or gives. */
static void move(int fd, char *data, ssize_t (*some)(int, char *, size_t), short events)
{
	struct pollfd p = { fd, events, 0 };
	size_t done = 0;
	ssize_t n;

	while (done < LEN) {
		n = some(fd, data + done, LEN - done);
		if (n > 0)
			done += (size_t)n;
		else
			poll(&p, 1, -1);
	}
}

static ssize_t send_some(int fd, char *data, size_t len)
{
	return send(fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static ssize_t recv_some(int fd, char *data, size_t len)
{
	return recv(fd, data, len, MSG_DONTWAIT);
}

static void *bare_server(void *arg)
{
	char *data = malloc(LEN);
	int i;

	REQUIRE(data != NULL);
	for (i = 0; i < ECHOES; i++) {
		move(*(int *)arg, data, recv_some, POLLIN);
		move(*(int *)arg, data, send_some, POLLOUT);
	}
	free(data);
	return NULL;
}

static char payload[LEN];

/* Processor time of echoes by nothing but sockets. */
static double bare_ms(void)
{
	pthread_t thread;
	double start;
	int fds[2], i;

	small_pair(fds);
	thread = thread_start(bare_server, &fds[1]);
	start = cpu_ms();
	for (i = 0; i < ECHOES; i++) {
		move(fds[0], payload, send_some, POLLOUT);
		move(fds[0], payload, recv_some, POLLIN);
	}
	start = cpu_ms() - start;
	thread_join(thread);
	close(fds[0]);
	close(fds[1]);
	return start;
}

static const struct test_server_operations echo_ops = { .echo = answer_echo };

/* Processor time of calls over sockets of the same kind. */
static double calls_ms(void)
{
	struct mrpc_conn_set *sets[2];
	struct mrpc_connection *conns[2];
	struct probe probes[2];
	blob in = { LEN, payload };
	double start;
	int fds[2], dups[2], i;

	small_pair(fds);
	REQUIRE_EQ(mrpc_conn_set_create(&sets[0], test_client, NULL), 0);
	REQUIRE_EQ(mrpc_conn_set_create(&sets[1], test_server, NULL), 0);
	for (i = 0; i < 2; i++) {
		probe_init(&probes[i]);
		probe_watch(sets[i]);
		REQUIRE_EQ(mrpc_set_max_buf_len(sets[i], LEN + 100), 0);
		REQUIRE_EQ(mrpc_start_dispatch_thread(sets[i]), 0);
		REQUIRE_EQ(mrpc_conn_create(&conns[i], sets[i], &probes[i]), 0);
		if (i == 1)
			REQUIRE_EQ(test_server_set_operations(conns[i], &echo_ops), 0);
		dups[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);
		REQUIRE(dups[i] >= 0);
		REQUIRE_EQ(mrpc_bind_fd(conns[i], fds[i]), 0);
		set_nonblock(dups[i], true);
	}
	start = cpu_ms();
	for (i = 0; i < ECHOES; i++) {
		blob *out = NULL;

		if (CHECK_EQ(test_echo(conns[0], &in, &out), MINIRPC_OK))
			CHECK_EQ(out->blob_len, LEN);
		free_blob(out, 1);
	}
	start = cpu_ms() - start;
	CHECK_EQ(mrpc_conn_close(conns[0]), 0);
	for (i = 0; i < 2; i++) {
		COUNTER_WAIT(&probes[i].disconnects, 1);
		mrpc_conn_unref(conns[i]);
		mrpc_conn_set_unref(sets[i]);
		close(dups[i]);
	}
	return start;
}

/* Of several tries, against the noise. */
static double least(double a, double b)
{
	return a < b ? a : b;
}

/* ---- cleared ---- */

/* The peer reads nothing; another connection of the set goes on. */
static void others_served(struct shared *s)
{
	blob some = { 65536, payload };
	struct mrpc_connection *other;
	struct probe probe;
	pthread_t thread;
	struct frame f;
	int fd, i;

	for (i = 0; i < 200; i++)
		CHECK_EQ(PROMPT(test_push(s->e.conn, &some)), MINIRPC_OK);
	probe_init(&probe);
	fd = end_add(s->e.set, &other, &probe, true);
	for (i = 0; i < 20; i++) {
		thread = thread_start(call, other);
		peer_recv(fd, &f);
		peer_send(fd, f.seq, MINIRPC_OK, nr_test_put, NULL, 0);
		free(f.data);
		thread_join(thread);
	}
	close(fd);
	COUNTER_WAIT(&probe.disconnects, 1);
	mrpc_conn_unref(other);
}

int main(void)
{
	static const char *const names[] = { "AF_UNIX", "TCP" };
	double calls = 1e9, bare = 1e9;
	struct leaks leaks;
	struct shared s;
	int tcp, i;

	leaks_begin(&leaks);
	for (tcp = 0; tcp < 2; tcp++) {
		for (i = 0; i < 4; i++) {
			SECTION("%s: %d callers wait, O_NONBLOCK set %s", names[tcp],
				i & 1 ? 3 : 1, i & 2 ? "meanwhile" : "before");
			shared_open(&s, tcp);
			check_idle(&s, i & 1 ? 3 : 1, i & 2);
			shared_close(&s);
		}
	}

	SECTION("%d echoes of %d bytes through buffers of %d", ECHOES, LEN, BUFFER);
	for (i = 0; i < TRIES; i++) {
		calls = least(calls, calls_ms());
		bare = least(bare, bare_ms());
	}
	CHECK_MSG(calls <= 2.5 * bare, "%.0f ms, bare sockets %.0f ms", calls, bare);

	SECTION("O_NONBLOCK cleared: sending does not wait for the peer, nor do others");
	shared_open(&s, true);
	set_nonblock(s.ours, false);
	others_served(&s);
	shared_close(&s);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
