/* PROTO: test.mx */
/* MODES: plain (replaces the allocator) */
/* TIMEOUT: 60 */
/*
 * What a SIGINT handler calls, mrpc_listen_close and mrpc_conn_set_unref, is safe
 * there: it never allocates, never frees, never waits for a lock that the
 * interrupted code may hold, and keeps errno.
 */
#define _GNU_SOURCE
#include "storm.h"

#include <dlfcn.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <sys/syscall.h>

enum { ROUNDS = 30, UNSAFE = 66, ODD_ERRNO = 4242 };

static __thread volatile sig_atomic_t handling;         /* this thread is in the handler */

/* Told by write alone: the allocator may be in any state. */
static void unsafe(const char *what)
{
	ssize_t ignored;

	if (!handling)
		return;
	handling = 0;
	ignored = write(1, "# in the signal handler: ", 25);
	ignored = write(1, what, strlen(what));
	ignored = write(1, "\n", 1);
	(void)ignored;
	_exit(UNSAFE);
}

/* ---- what the library gets in place of the C library's ---- */

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);
void __libc_free(void *);

void *malloc(size_t size)
{
	unsafe("malloc");
	return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	unsafe("calloc");
	return __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
	unsafe("realloc");
	return __libc_realloc(old, size);
}

void *aligned_alloc(size_t align, size_t size)
{
	unsafe("aligned_alloc");
	return __libc_memalign(align, size);
}

int posix_memalign(void **out, size_t align, size_t size)
{
	unsafe("posix_memalign");
	*out = __libc_memalign(align, size);
	return *out != NULL ? 0 : ENOMEM;
}

void free(void *old)
{
	unsafe("free");
	__libc_free(old);
}

/* Waking is safe; waiting is not. */
long syscall(long number, ...)
{
	static long (*real)(long, ...);
	long a[6];
	va_list args;
	int i;

	va_start(args, number);
	for (i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (number == SYS_futex && (a[1] & FUTEX_CMD_MASK) != FUTEX_WAKE)
		unsafe("a futex is waited for");
	if (real == NULL)
		real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

#define LOCK(name, type) \
int name(type *lock) \
{ \
	static int (*real)(type *); \
	unsafe(#name); \
	if (real == NULL) \
		real = (int (*)(type *))dlsym(RTLD_NEXT, #name); \
	return real(lock); \
}
LOCK(pthread_mutex_lock, pthread_mutex_t)
LOCK(pthread_rwlock_rdlock, pthread_rwlock_t)
LOCK(pthread_rwlock_wrlock, pthread_rwlock_t)

/* ---- the handler ---- */

static void check_errno(const char *what)
{
	if (errno != ODD_ERRNO)
		unsafe(what);
}

static void interrupt_guarded(void)
{
	errno = ODD_ERRNO;
	handling = 1;
	mrpc_listen_close(storm_set);
	check_errno("mrpc_listen_close changes errno");
	mrpc_conn_set_unref(storm_set);
	check_errno("mrpc_conn_set_unref changes errno");
	handling = 0;
}

/* A child that is found out, by an allocation or a lock of its own. */
static int found_out(void *lock)
{
	static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	void *volatile one;

	handling = 1;
	if (lock != NULL)
		return pthread_mutex_lock(&mutex);
	one = malloc(1);
	free(one);
	return 0;
}

int main(void)
{
	static const char *const names[] = { "a storm of connections", "a storm of requests", "idle" };
	int kind, threads, round;
	bool ok;

	SECTION("this test sees what it looks for");
	CHECK_EQ(child_wait(child_start(found_out, NULL)), UNSAFE);
	CHECK_EQ(child_wait(child_start(found_out, &ok)), UNSAFE);
	storm_interrupted = interrupt_guarded;
	for (kind = STORM_CONNECTS; kind <= STORM_NONE; kind++) {
		for (threads = 0; threads < 2; threads++) {
			SECTION("%s, %d more dispatch threads", names[kind], threads);
			for (round = 0, ok = true; round < ROUNDS && ok; round++)
				ok = storm_round(kind, threads, 500 + round * 131 % 1500,
						 round * 37 % 2000);
		}
	}
	return tap_done();
}
