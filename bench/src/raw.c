/*
 * The floor: plain sockets and this library's frames (a 16-byte header and the
 * payload), no encoding, no table of calls, no dispatch. Either end also talks
 * with the library's.
 *
 * RAW_SERVER=thread|epoll overrides what the workload would choose: a blocking
 * thread per connection, or (W3, W5, fair) one epoll thread for all of them;
 * RAW_LOOPS=n: so many, to which the connections are dealt out.
 * RAW_SPIN=1 polls the sockets and never sleeps.
 */
#define _GNU_SOURCE
#include "peer.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { HEADER = 16, SMALL = 20, CHUNK = 65536, DRAIN = 1 << 20 };
enum { ADD = 1, PUT = 2, ECHO = 3, SUM = 4, COUNT = 5, TICK = -1 };
enum { BATCH = 256, COUNT_LEN = 4, RECORDS_LEN = BENCH_RECORDS * 40,
	NUMBERS_LEN = BENCH_NUMBERS * 4 };

struct small {
	uint32_t sequence, status, cmd, len, value;
};

static int flags;

static ssize_t get(int fd, void *p, size_t n)
{
	for (;;) {
		ssize_t k = recv(fd, p, n, flags);

		if (k >= 0 || (errno != EAGAIN && errno != EINTR))
			return k;
	}
}

static int get_all(int fd, void *p, size_t n)
{
	for (size_t got = 0; got < n;) {
		ssize_t k = get(fd, (char *)p + got, n - got);

		if (k <= 0)
			return -1;
		got += (size_t)k;
	}
	return 0;
}

static int put_all(int fd, const void *p, size_t n)
{
	for (size_t sent = 0; sent < n;) {
		ssize_t k = send(fd, (const char *)p + sent, n - sent, MSG_NOSIGNAL);

		if (k <= 0)
			return -1;
		sent += (size_t)k;
	}
	return 0;
}

/* `head`: a header, and the count in front of `body`'s elements. */
static int put_two(int fd, const struct small *head, const void *body, size_t n)
{
	struct iovec iov[2] = { { (void *)head, SMALL }, { (void *)body, n } };
	ssize_t k = writev(fd, iov, 2);

	if (k < SMALL)
		return -1;
	return put_all(fd, (const char *)body + (k - SMALL), n - (size_t)(k - SMALL));
}

/* ---- server */

struct stream {
	int fd;
	char *in, *copy;
	size_t have;   /* bytes in `in` */
	uint64_t ticks;
};

/* The body of a long frame whose header is at `off`: a count and the data, as XDR has
 * them. What follows is dropped, since the client waits for the reply. */
static int long_frame(struct stream *s, size_t off, uint32_t len, int echo)
{
	struct small reply;
	size_t body = s->have - off - HEADER;

	memcpy(&reply, s->in + off, HEADER);
	reply.status = 0;
	s->have = 0;
	if (len < COUNT_LEN)
		return -1;
	if (echo) {
		memmove(s->in, s->in + off + HEADER, body);
		if (body < len && get_all(s->fd, s->in + body, len - body))
			return -1;
		memcpy(&reply.value, s->in, COUNT_LEN);
		memcpy(s->copy, s->in + COUNT_LEN, len - COUNT_LEN);
		return put_two(s->fd, &reply, s->copy, len - COUNT_LEN);
	}
	while (body < len) {
		ssize_t k = get(s->fd, s->in, len - body < DRAIN ? len - body : DRAIN);

		if (k <= 0)
			return -1;
		body += (size_t)k;
	}
	reply.len = htonl(4);
	reply.value = htonl(len - COUNT_LEN);
	return put_all(s->fd, &reply, SMALL);
}

static int tell_count(struct stream *s, size_t off)
{
	char reply[HEADER + 8];
	uint32_t status = 0, len = htonl(8);

	memcpy(reply, s->in + off, HEADER);
	memcpy(reply + 4, &status, 4);
	memcpy(reply + 12, &len, 4);
	memcpy(reply + HEADER, &(uint64_t){ htobe64(s->ticks) }, 8);
	s->have = 0;
	return put_all(s->fd, reply, sizeof reply);
}

/* Answers all frames that one read brought with one send. */
static int serve_chunk(struct stream *s)
{
	size_t off = 0, out = 0;

	while (s->have - off >= HEADER) {
		struct small m;
		int cmd;

		memcpy(&m, s->in + off, HEADER);
		cmd = (int)ntohl(m.cmd);
		if (cmd == PUT || cmd == SUM || cmd == ECHO)
			return long_frame(s, off, ntohl(m.len), cmd == ECHO);
		if (cmd == COUNT)
			return tell_count(s, off);
		if (s->have - off < SMALL)
			break;
		if (cmd == TICK) {
			s->ticks++;
		} else {
			memcpy(&m, s->in + off, SMALL);
			m.status = 0;
			m.value = htonl(ntohl(m.value) + 1);
			memcpy(s->in + out, &m, SMALL);
			out += SMALL;
		}
		off += SMALL;
	}
	if (out && put_all(s->fd, s->in, out))
		return -1;
	memmove(s->in, s->in + off, s->have - off);
	s->have -= off;
	return 0;
}

static void *serve_stream(void *arg)
{
	struct stream s = { .fd = (int)(intptr_t)arg, .in = malloc(DRAIN), .copy = malloc(CHUNK) };

	for (;;) {
		ssize_t k = get(s.fd, s.in + s.have, CHUNK - s.have);

		if (k <= 0)
			break;
		s.have += (size_t)k;
		if (serve_chunk(&s))
			break;
	}
	close(s.fd);
	free(s.in);
	free(s.copy);
	return NULL;
}

static void serve_threads(int listener)
{
	for (;;) {
		pthread_t t;
		int fd = accept(listener, NULL, NULL);

		if (fd < 0 || pthread_create(&t, NULL, serve_stream, (void *)(intptr_t)fd))
			peer_die("accept");
		pthread_detach(t);
	}
}

/* Small frames only: they come whole over loopback when one is outstanding. */
static void *serve_loop(void *arg)
{
	int ep = (int)(intptr_t)arg;
	struct epoll_event evs[256];
	char buf[CHUNK];

	for (;;) {
		int n = epoll_wait(ep, evs, 256, -1);

		for (int i = 0; i < n; i++) {
			struct stream s = { .fd = evs[i].data.fd, .in = buf };
			ssize_t k = recv(s.fd, buf, sizeof buf, 0);

			s.have = k > 0 ? (size_t)k : 0;
			if (k <= 0 || serve_chunk(&s))
				close(s.fd);
		}
	}
	return NULL;
}

static void serve_epoll(int listener, int loops)
{
	int *eps = calloc((size_t)loops, sizeof *eps);

	if (eps == NULL)
		peer_die("calloc");
	for (int i = 0; i < loops; i++) {
		pthread_t t;

		eps[i] = epoll_create1(EPOLL_CLOEXEC);
		if (eps[i] < 0 || pthread_create(&t, NULL, serve_loop, (void *)(intptr_t)eps[i]))
			peer_die("epoll");
	}
	for (unsigned next = 0;; next++) {
		struct epoll_event ev = { .events = EPOLLIN };

		ev.data.fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (ev.data.fd < 0 ||
			epoll_ctl(eps[next % (unsigned)loops], EPOLL_CTL_ADD, ev.data.fd, &ev))
			peer_die("accept");
	}
}

void peer_server(int port, const char *wl)
{
	const char *kind = getenv("RAW_SERVER");
	int epoll = !strncmp(wl, "w3", 2) || !strcmp(wl, "w5") || !strcmp(wl, "fair");
	int listener = peer_listen(&port);

	if (kind)
		epoll = !strcmp(kind, "epoll");
	if (epoll && (!strcmp(wl, "w4") || !strcmp(wl, "w7") || !strcmp(wl, "w8")))
		peer_die("the epoll server takes small frames only");
	flags = peer_option("RAW_SPIN", 0) ? MSG_DONTWAIT : 0;
	peer_ready(port);
	if (epoll)
		serve_epoll(listener, (int)peer_option("RAW_LOOPS", 1));
	serve_threads(listener);
}

/* ---- client: a connection is its descriptor */

static char *bytes_out, *bytes_in;

void *peer_open(int port, const char *wl)
{
	(void)wl;
	flags = peer_option("RAW_SPIN", 0) ? MSG_DONTWAIT : 0;
	if (bytes_out == NULL) {
		bytes_out = calloc(1, NUMBERS_LEN);
		bytes_in = calloc(1, NUMBERS_LEN);
	}
	return (void *)(intptr_t)peer_connect(port);
}

static struct small frame(int cmd, uint32_t len, uint32_t value)
{
	struct small m = { htonl(value), htonl((uint32_t)-1), htonl((uint32_t)cmd), htonl(len),
		htonl(value) };

	return m;
}

int32_t peer_call(void *conn, int32_t x)
{
	int fd = (int)(intptr_t)conn;
	struct small m = frame(ADD, 4, (uint32_t)x);

	if (put_all(fd, &m, SMALL) || get_all(fd, &m, SMALL))
		peer_die("raw call");
	return (int32_t)ntohl(m.value);
}

static void long_call(void *conn, int cmd, const void *p, size_t n)
{
	int fd = (int)(intptr_t)conn;
	struct small m = frame(cmd, (uint32_t)n + COUNT_LEN, 0);

	m.value = htonl((uint32_t)n);
	if (put_two(fd, &m, p, n) || get_all(fd, &m, SMALL) || ntohl(m.value) != n)
		peer_die("raw long call");
}

void peer_put(void *conn, const void *p, size_t n)
{
	long_call(conn, PUT, p, n);
}

void peer_numbers(void *conn)
{
	long_call(conn, SUM, bytes_out, NUMBERS_LEN);
}

void peer_records(void *conn)
{
	int fd = (int)(intptr_t)conn;
	struct small m = frame(ECHO, COUNT_LEN + RECORDS_LEN, 0);

	m.value = htonl(BENCH_RECORDS);
	if (put_two(fd, &m, bytes_out, RECORDS_LEN) || get_all(fd, &m, SMALL) ||
		get_all(fd, bytes_in, RECORDS_LEN) || ntohl(m.value) != BENCH_RECORDS)
		peer_die("raw records");
}

/* The window is refilled in whole batches, each one send. */
void peer_pipeline(void *conn, int window, uint64_t total)
{
	int fd = (int)(intptr_t)conn;
	struct small *out = calloc((size_t)window, SMALL);
	char *in = malloc(CHUNK);
	uint64_t sent = 0, done = 0, sum = 0, want = 0;
	size_t have = 0;

	while (done < total) {
		uint64_t room = (uint64_t)window - (sent - done);
		size_t off = 0;
		ssize_t k;

		if (room > total - sent)
			room = total - sent;
		for (uint64_t i = 0; i < room; i++) {
			out[i] = frame(ADD, 4, (uint32_t)sent);
			want += (uint32_t)++sent;
		}
		if (room && put_all(fd, out, room * SMALL))
			peer_die("raw pipeline: send");
		k = get(fd, in + have, CHUNK - have);
		if (k <= 0)
			peer_die("raw pipeline: recv");
		have += (size_t)k;
		for (; have - off >= SMALL; off += SMALL, done++) {
			struct small m;

			memcpy(&m, in + off, SMALL);
			sum += ntohl(m.value);
		}
		memmove(in, in + off, have - off);
		have -= off;
	}
	if (sum != want)
		peer_die("raw pipeline: wrong replies");
	free(out);
	free(in);
}

void peer_messages(void *conn, uint64_t total)
{
	static uint64_t expected;
	int fd = (int)(intptr_t)conn;
	struct small out[BATCH], m = frame(COUNT, 0, 0);
	char reply[HEADER + 8];
	uint64_t counted;

	for (uint64_t sent = 0; sent < total;) {
		uint64_t n = total - sent < BATCH ? total - sent : BATCH;

		for (uint64_t i = 0; i < n; i++)
			out[i] = frame(TICK, 4, (uint32_t)sent++);
		if (put_all(fd, out, n * SMALL))
			peer_die("raw messages: send");
	}
	if (put_all(fd, &m, HEADER) || get_all(fd, reply, sizeof reply))
		peer_die("raw messages: count");
	memcpy(&counted, reply + HEADER, 8);
	expected += total;
	if (be64toh(counted) != expected)
		peer_die("raw messages: some were lost");
}
