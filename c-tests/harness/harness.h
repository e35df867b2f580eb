/*
 * Everything a test needs besides the library; see ../README.md for the runner.
 *
 *   tap.h       SECTION, CHECK, REQUIRE, WAIT_FOR, STAYS
 *   here        struct counter    something to count and to wait for
 *               struct dispatcher a thread in mrpc_dispatch_loop
 *               struct leaks      threads and descriptors, before and after
 *               struct probe      what happened to a connection
 *               struct pair       two connected ends, both ours
 *               peer_*            one end ours, the other a bare socket
 *   handlers.h  handlers that do what is asked
 *   keep.h      handlers that keep their requests, to be answered later
 *   accept.h    sets that accept connections and serve them
 *
 * A test is one file <group>/NAME.c with main(). Comment lines in it tell the
 * runner what it takes:
 *
 *   PROTO: test.mx             stubs to make and link (from proto/)
 *   NEEDS: libtirpc            libtirpc rpcgen ipv6 c++ static additions;
 *                              where missing, the test is skipped, and said so
 *   RPCGEN: types.x            of the test's directory: what rpcgen makes of it
 *   LIBS: -ltirpc              for the linker
 *   CFLAGS: -DX=1              for the compiler
 *   LINK: static               link libminirpc.a; "none": do not link the library
 *   MODES: plain asan (why)    where not all of plain, valgrind, asan make sense
 *   TIMEOUT: 60                seconds in plain mode, 30 if not given
 *
 * each on a line of its own between slash-star and star-slash. What is
 * "additions": behaviour beyond the library that this one replaces; such a test
 * is skipped on another library (LIBDIR).
 */
#ifndef HARNESS_H
#define HARNESS_H

#include "tap.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <minirpc/minirpc.h>

/* ---- counting and waiting ---- */

/* static struct counter c = COUNTER_INIT; or counter_init(&c) */
struct counter {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	long n;
};
#define COUNTER_INIT { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0 }

void counter_init(struct counter *c);
/* The value after adding. */
long counter_add(struct counter *c, long n);
long counter_get(struct counter *c);
/* Waits until the count is at least n; a failed check after ten seconds
 * (scaled). Also the way to hold a handler until the test lets it go on. */
#define COUNTER_WAIT(c, n) counter_wait((c), (n), __FILE__, __LINE__)
bool counter_wait(struct counter *c, long n, const char *file, int line);

/* ---- threads ---- */

/* Starts a thread, or ends the test. */
pthread_t thread_start(void *(*run)(void *), void *arg);
/* Joins it in time, or ends the test. */
void *thread_join(pthread_t thread);

/* The calling thread's number in /proc/self/task; a thread's state, as proc(5) has
 * it; whether it sleeps, in whatever the library waits in, and goes on sleeping. */
int thread_number(void);
char thread_state(int number);
bool thread_sleeps(int number);

/* A thread that registers, runs mrpc_dispatch_loop and removes itself. */
struct dispatcher {
	pthread_t thread;
	struct mrpc_conn_set *set;
	struct counter registered;
	int result;
};
void dispatcher_start(struct dispatcher *d, struct mrpc_conn_set *set);
/* After the set's destruction has begun: what mrpc_dispatch_loop returned. */
int dispatcher_join(struct dispatcher *d);

/* The calling thread, registered with the set, runs its events until cond
 * holds; a failed check after ten seconds (scaled). */
#define DISPATCH_UNTIL(set, cond) ({ \
	int64_t dispatch_end_ = now_ms() + scaled(10000); \
	bool dispatch_ok_; \
	while (!(dispatch_ok_ = !!(cond)) && now_ms() < dispatch_end_) \
		dispatch_once(set); \
	tap_check(dispatch_ok_, __FILE__, __LINE__, "in time: " #cond); \
})
/* Runs what is queued, or waits a few milliseconds for something to be. */
void dispatch_once(struct mrpc_conn_set *set);

/* ---- what is left over ---- */

int count_threads(void);
int count_fds(void);
/* Resident memory of this process. */
long rss_bytes(void);

struct leaks {
	int threads, fds;
};
void leaks_begin(struct leaks *l);
/* Waits until threads and descriptors are back at what they were. */
#define LEAKS_CHECK(l) leaks_check((l), __FILE__, __LINE__)
bool leaks_check(const struct leaks *l, const char *file, int line);

/* ---- connections ---- */

/* A connection's cookie that notes its errors and its end. */
struct probe {
	struct counter ioerrs, disconnects;
	enum mrpc_disc_reason reason;   /* of the disconnect */
	char text[256];                 /* of the last ioerr */
	void *user;
};
void probe_init(struct probe *p);
/* Installs ioerr and disconnect functions that expect probes as cookies. */
void probe_watch(struct mrpc_conn_set *set);

enum pair_kind {
	PAIR_SOCKETPAIR = 0,    /* mrpc_bind_fd on both ends */
	PAIR_TCP = 1,           /* mrpc_listen and mrpc_connect, 127.0.0.1 */
	PAIR_TCP6 = 2,          /* the same, ::1 */
	PAIR_KIND = 0xf,
	/* and, or-ed in: no dispatch thread for this set */
	PAIR_NO_CLIENT_DISPATCH = 0x10,
	PAIR_NO_SERVER_DISPATCH = 0x20,
	PAIR_NO_DISPATCH = 0x30
};

/* Two sets with probes, one connection between them, each set with a dispatch
 * thread. Set operations after opening: nothing has been sent yet. */
struct pair {
	struct mrpc_conn_set *client_set, *server_set;
	struct mrpc_connection *client, *server;
	struct probe client_probe, server_probe;        /* the cookies */
	char *port;                                     /* TCP: of the listener */
	struct counter accepted;
};
/* If there is one, sets are given to it before anything connects; `server` is their role. */
extern void (*pair_transport)(struct mrpc_conn_set *set, bool server);
void pair_open(struct pair *p, int kind, const struct mrpc_protocol *client,
	       const struct mrpc_protocol *server);
/* Closes the client's end, waits for both disconnects (for sets without a
 * dispatch thread: dispatches), drops every reference. */
void pair_close(struct pair *p);
/* Drops every reference only; for tests that have closed what they wanted.
 * Members that are NULL are left alone. */
void pair_unref(struct pair *p);

/* ---- bare sockets: a peer that does what the test says ---- */

struct frame {
	uint32_t seq;
	int32_t status;
	int32_t cmd;
	uint32_t len;
	unsigned char *data;    /* malloc, len bytes */
};

enum { HEADER_LEN = 16, PENDING = -1 };

void put_u32(void *at, uint32_t value);
uint32_t get_u32(const void *at);

void peer_header(void *at, uint32_t seq, int32_t status, int32_t cmd, uint32_t len);

/* A socketpair; one end is given to the connection, the other returned. */
int peer_bind(struct mrpc_connection *conn);
/* A TCP connection to a listener on 127.0.0.1. */
int peer_connect(const char *port);
/* A TCP listener on a free port of 127.0.0.1; and the next connection to it. */
int peer_listen(char port[8]);
int peer_accept(int listener);

/* All of it, or the test ends. */
void peer_write(int fd, const void *data, size_t len);
/* One message with its header. */
void peer_send(int fd, uint32_t seq, int32_t status, int32_t cmd, const void *data,
	       size_t len);
/* Exactly len bytes in time; false (no failed check) at the end of the stream
 * or when time is over. */
bool peer_read(int fd, void *data, size_t len);
/* The next message; ends the test if there is none. Free f->data. */
void peer_recv(int fd, struct frame *f);
/* Receives a message and checks all of it. */
#define PEER_EXPECT(fd, seq, status, cmd, data, len) \
	peer_expect((fd), (seq), (status), (cmd), (data), (len), __FILE__, __LINE__)
bool peer_expect(int fd, uint32_t seq, int32_t status, int32_t cmd, const void *data,
		 size_t len, const char *file, int line);
/* Checks that nothing arrives, not even the end, for ms milliseconds; that the
 * end of the stream, or a reset, arrives in time. */
#define PEER_QUIET(fd, ms) peer_quiet((fd), (ms), __FILE__, __LINE__)
bool peer_quiet(int fd, int ms, const char *file, int line);
#define PEER_EOF(fd) peer_eof((fd), __FILE__, __LINE__)
bool peer_eof(int fd, const char *file, int line);

#endif
