/* PROTO: test.mx */
/* MODES: plain (stands between the library and the C library) */
/* TIMEOUT: 60 */
/*
 * Ctrl-C at every point: a SIGINT handler calls mrpc_listen_close and
 * mrpc_conn_set_unref before, or after, any call that mrpc_dispatch_loop makes
 * into the C library, while it accepts, serves, and waits. Each point is tried.
 */
#define _GNU_SOURCE
#include "apps.h"

#include <dlfcn.h>
#include <sys/mman.h>

enum { PEERS = 2, MOST = 600 /* a spinning loop has many that are the same */ };

static struct shared {
	char port[8];
	volatile int listening;
	volatile long at;               /* the point to interrupt */
	volatile long points;           /* that there were */
	volatile int interrupted;
	const char *volatile name;      /* of the call there */
} *shared;

/* ---- the points ---- */

static __thread volatile sig_atomic_t dispatching;

static void point(const char *name)
{
	int saved = errno;

	if (!dispatching)
		return;
	dispatching = 0;
	if (++shared->points == shared->at) {
		shared->name = name;
		raise(SIGINT);
	}
	dispatching = 1;
	errno = saved;
}

/* Whatever the parameters, they are words; symbols of their own names, and no
 * prototypes, so that the C library's headers do not contradict. */
#define POINT(name) \
long point_##name(long, long, long, long, long, long) __asm__(#name); \
long point_##name(long a, long b, long c, long d, long e, long f) \
{ \
	static long (*real)(long, long, long, long, long, long); \
	long result; \
	if (real == NULL) \
		real = (long (*)(long, long, long, long, long, long))dlsym(RTLD_NEXT, #name); \
	point(#name); \
	result = real(a, b, c, d, e, f); \
	point(#name); \
	return result; \
}
POINT(accept4) POINT(close) POINT(shutdown)
POINT(read) POINT(readv) POINT(recv) POINT(recvfrom) POINT(recvmsg)
POINT(write) POINT(writev) POINT(send) POINT(sendto) POINT(sendmsg)
POINT(poll) POINT(epoll_wait) POINT(epoll_ctl)
POINT(fcntl) POINT(ioctl) POINT(setsockopt) POINT(getsockopt)
POINT(getsockname) POINT(getpeername) POINT(clock_gettime)

/* The one with seven: a number, and six words for it. */
long point_syscall(long, long, long, long, long, long, long) __asm__("syscall");
long point_syscall(long n, long a, long b, long c, long d, long e, long f)
{
	static long (*real)(long, long, long, long, long, long, long);
	long result;

	if (real == NULL)
		real = (long (*)(long, long, long, long, long, long, long))dlsym(RTLD_NEXT,
										 "syscall");
	point("syscall");
	result = real(n, a, b, c, d, e, f);
	point("syscall");
	return result;
}

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void __libc_free(void *);

void *malloc(size_t size)
{
	void *result;

	point("malloc");
	result = __libc_malloc(size);
	point("malloc");
	return result;
}

void *calloc(size_t n, size_t size)
{
	void *result;

	point("calloc");
	result = __libc_calloc(n, size);
	point("calloc");
	return result;
}

void *realloc(void *old, size_t size)
{
	void *result;

	point("realloc");
	result = __libc_realloc(old, size);
	point("realloc");
	return result;
}

void free(void *old)
{
	point("free");
	__libc_free(old);
	point("free");
}

/* ---- the server ---- */

static struct mrpc_conn_set *set;
static const struct test_server_operations ops = { .ping = answer_ping };

static void *on_accept(void *data, struct mrpc_connection *conn, struct sockaddr *from,
		       socklen_t len)
{
	(void)data;
	(void)from;
	(void)len;
	test_server_set_operations(conn, &ops);
	mrpc_conn_unref(conn);
	return NULL;
}

static void interrupt_once(int sig)
{
	int saved = errno;

	(void)sig;
	if (!shared->interrupted) {
		shared->interrupted = 1;
		mrpc_listen_close(set);
		mrpc_conn_set_unref(set);
	}
	errno = saved;
}

static int serve(void *arg)
{
	struct sigaction action;
	sigset_t none;
	char *port = NULL;
	int result;

	(void)arg;
	memset(&action, 0, sizeof(action));
	action.sa_handler = interrupt_once;
	if (sigaction(SIGINT, &action, NULL) != 0 ||
	    mrpc_conn_set_create(&set, test_server, NULL) != 0 ||
	    mrpc_set_accept_func(set, on_accept) != 0 ||
	    mrpc_listen(set, AF_INET, "127.0.0.1", &port) != 0)
		return 2;
	strcpy(shared->port, port);
	free(port);
	mrpc_dispatcher_add(set);
	shared->listening = 1;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dispatching = 1;
	result = mrpc_dispatch_loop(set);
	dispatching = 0;
	mrpc_dispatcher_remove(set);
	return result == ENXIO ? 0 : 3;
}

/* Its peers may be refused or reset, when the interruption is early. */
static int try_connect(void)
{
	unsigned char header[HEADER_LEN];
	struct sockaddr_in addr;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	REQUIRE(fd >= 0);
	memset(&addr, 0, sizeof(addr));
	addr.sin_family = AF_INET;
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	addr.sin_port = htons((uint16_t)atoi(shared->port));
	peer_header(header, 1, PENDING, nr_test_ping, 0);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		send(fd, header, sizeof(header), MSG_NOSIGNAL);
	return fd;
}

/* Interrupted at this point, or when there is nothing more to do. */
static bool round_at(long at)
{
	unsigned char header[HEADER_LEN];
	sigset_t block, before;
	int fds[PEERS], i;
	pid_t server;
	bool ok = true;

	memset(shared, 0, sizeof(*shared));
	shared->at = at;
	sigemptyset(&block);
	sigaddset(&block, SIGINT);
	sigprocmask(SIG_BLOCK, &block, &before);
	server = child_start(serve, NULL);
	sigprocmask(SIG_SETMASK, &before, NULL);
	WAIT_FOR(shared->listening);
	for (i = 0; i < PEERS; i++)
		fds[i] = try_connect();
	for (i = 0; i < PEERS; i++)
		if (!peer_read(fds[i], header, sizeof(header)))
			ok &= CHECK_MSG(shared->interrupted, "no answer, and no interruption");
	kill(server, SIGINT);
	for (i = 0; i < PEERS; i++)
		close(fds[i]);
	return CHECK_EQ(child_wait(server), 0) && ok;
}

int main(void)
{
	long total, i;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	REQUIRE(shared != MAP_FAILED);
	SECTION("points to interrupt");
	REQUIRE(round_at(-1));
	total = shared->points;
	tap_note("%ld points", total);
	CHECK(total > 20);

	SECTION("interrupted at each of them");
	for (i = 1; i <= total && i <= MOST; i++) {
		if (!round_at(i)) {
			tap_note("interrupted at point %ld, at %s", i, shared->name);
			break;
		}
	}
	return tap_done();
}
