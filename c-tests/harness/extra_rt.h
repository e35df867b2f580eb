/*
 * What the tests of events, closing, faults, processes and stress share, on
 * top of harness.h. Needs the stubs of test.mx.
 *
 *   struct trace    what happened, in order
 *   struct end      one connection of ours to a bare socket
 *   PROMPT          an expression that has to come back soon
 */
#ifndef EXTRA_RT_H
#define EXTRA_RT_H

#include "handlers.h"

#include "test_client.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

/* ---- what happened, in order ---- */

enum { TRACE_MAX = 8192 };

struct trace {
	struct counter count;
	int values[TRACE_MAX];
};
#define TRACE_INIT { .count = COUNTER_INIT }

static inline void trace_add(struct trace *t, int value)
{
	pthread_mutex_lock(&t->count.lock);
	if (t->count.n < TRACE_MAX)
		t->values[t->count.n] = value;
	t->count.n++;
	pthread_cond_broadcast(&t->count.changed);
	pthread_mutex_unlock(&t->count.lock);
}

static inline void trace_clear(struct trace *t)
{
	pthread_mutex_lock(&t->count.lock);
	t->count.n = 0;
	pthread_mutex_unlock(&t->count.lock);
}

#define trace_len(t) counter_get(&(t)->count)
#define TRACE_WAIT(t, n) COUNTER_WAIT(&(t)->count, (n))
/* TRACE_IS(&t, 1, 2, 3): exactly these, in this order. */
#define TRACE_IS(t, ...) ({ \
	const int trace_want_[] = { __VA_ARGS__ }; \
	trace_is((t), trace_want_, sizeof(trace_want_) / sizeof(int), __FILE__, __LINE__); \
})

static inline bool trace_is(struct trace *t, const int *want, size_t n, const char *file,
			    int line)
{
	size_t got = (size_t)trace_len(t), i;

	for (i = 0; i < n && i < got; i++)
		if (!tap_check_msg(t->values[i] == want[i], file, line,
				   "event %zu is %d, expected %d", i, t->values[i], want[i]))
			return false;
	return tap_check_msg(got == n, file, line, "%zu events, expected %zu", got, n);
}

/* ---- time ---- */

/* The value of the expression, which has to be there within a second. */
#define PROMPT(expr) ({ \
	int64_t prompt_start_ = now_ms(), prompt_took_; \
	__typeof__(expr) prompt_value_ = (expr); \
	prompt_took_ = now_ms() - prompt_start_; \
	tap_check_msg(prompt_took_ < scaled(1000), __FILE__, __LINE__, \
		      "took %lld ms: " #expr, (long long)prompt_took_); \
	prompt_value_; \
})

/* Processor time that this process has used. */
static inline double cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* ---- bare sockets ---- */

/* A request, or a one-way message, with a number. */
static inline void peer_number(int fd, uint32_t seq, int cmd, int value)
{
	unsigned char data[4];

	put_u32(data, (uint32_t)value);
	peer_send(fd, seq, PENDING, cmd, data, sizeof(data));
}

static inline void peer_reply_number(int fd, uint32_t seq, int cmd, int value)
{
	unsigned char data[4];

	put_u32(data, (uint32_t)value);
	peer_send(fd, seq, MINIRPC_OK, cmd, data, sizeof(data));
}

/* The reply to a request for a number. */
#define PEER_NUMBER(fd, seq, cmd, value) ({ \
	unsigned char peer_number_[4]; \
	put_u32(peer_number_, (uint32_t)(value)); \
	PEER_EXPECT((fd), (seq), MINIRPC_OK, (cmd), peer_number_, sizeof(peer_number_)); \
})

/* Ends a TCP connection with a reset. */
static inline void peer_reset(int fd)
{
	struct linger linger = { 1, 0 };

	REQUIRE_EQ(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
	close(fd);
}

/* Two connected TCP sockets. */
static inline void tcp_pair(int fds[2])
{
	char port[8];
	int listener = peer_listen(port);

	fds[0] = peer_connect(port);
	fds[1] = peer_accept(listener);
	close(listener);
}

static inline uint64_t conn_count(struct mrpc_connection *conn, enum mrpc_conn_counter which)
{
	uint64_t n = 0;

	CHECK_EQ(mrpc_conn_get_counter(conn, which, &n), 0);
	return n;
}

/* ---- one connection of ours to a bare socket ---- */

enum { BY_HAND = 0 };   /* the calling thread dispatches */

struct end {
	struct mrpc_conn_set *set;
	struct mrpc_connection *conn;
	struct probe probe;             /* the cookie */
	int fd;                         /* the peer */
	int threads;
};

/* Another connection of a set to a bare socket, which is returned. */
static inline int end_add(struct mrpc_conn_set *set, struct mrpc_connection **conn,
			  void *cookie, bool tcp)
{
	int fds[2];

	REQUIRE_EQ(mrpc_conn_create(conn, set, cookie), 0);
	if (!tcp)
		return peer_bind(*conn);
	tcp_pair(fds);
	REQUIRE_EQ(mrpc_bind_fd(*conn, fds[0]), 0);
	return fds[1];
}

static inline void end_open(struct end *e, const struct mrpc_protocol *protocol, int threads,
			    bool tcp)
{
	int i;

	memset(e, 0, sizeof(*e));
	probe_init(&e->probe);
	e->threads = threads;
	REQUIRE_EQ(mrpc_conn_set_create(&e->set, protocol, NULL), 0);
	probe_watch(e->set);
	for (i = 0; i < threads; i++)
		REQUIRE_EQ(mrpc_start_dispatch_thread(e->set), 0);
	if (threads == BY_HAND)
		mrpc_dispatcher_add(e->set);
	e->fd = end_add(e->set, &e->conn, &e->probe, tcp);
}

/* We are the server, the peer is a client. */
static inline void end_open_server(struct end *e, const struct test_server_operations *ops,
				   int threads)
{
	end_open(e, test_server, threads, false);
	REQUIRE_EQ(test_server_set_operations(e->conn, ops), 0);
}

/* We are the client, the peer is a server. */
static inline void end_open_client(struct end *e, const struct test_client_operations *ops,
				   int threads)
{
	end_open(e, test_client, threads, false);
	REQUIRE_EQ(test_client_set_operations(e->conn, ops), 0);
}

/* Waits for the disconnect; dispatches, if by hand. */
static inline void end_await(struct end *e)
{
	if (e->threads == BY_HAND)
		DISPATCH_UNTIL(e->set, counter_get(&e->probe.disconnects) > 0);
	else
		COUNTER_WAIT(&e->probe.disconnects, 1);
}

/* Drops what we hold. */
static inline void end_unref(struct end *e)
{
	mrpc_conn_unref(e->conn);
	if (e->threads == BY_HAND)
		mrpc_dispatcher_remove(e->set);
	mrpc_conn_set_unref(e->set);
	e->conn = NULL;
	e->set = NULL;
}

/* The peer goes away, and all is given back. */
static inline void end_close(struct end *e)
{
	if (e->fd >= 0)
		close(e->fd);
	e->fd = -1;
	end_await(e);
	CHECK_EQ(counter_get(&e->probe.disconnects), 1);
	end_unref(e);
}

#endif
