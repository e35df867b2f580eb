/*
 * Functions of the C library that fail when they are told to: see shim.h. For LD_PRELOAD.
 */
#define _GNU_SOURCE
#include "shim.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <netdb.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* The C library's own names of its allocator: dlsym would allocate. */
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

static struct fault_control *_Atomic control;

/* ---- who calls ---- */

static struct { uintptr_t begin, end; } ours[8];
static int ours_len;

static int note_object(struct dl_phdr_info *info, size_t size, void *data)
{
	int i;

	(void)size;
	(void)data;
	if (strstr(info->dlpi_name, "libminirpc") == NULL)
		return 0;
	for (i = 0; i < info->dlpi_phnum && ours_len < 8; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];

		if (part->p_type == PT_LOAD && part->p_flags & PF_X) {
			ours[ours_len].begin = info->dlpi_addr + part->p_vaddr;
			ours[ours_len].end = ours[ours_len].begin + part->p_memsz;
			ours_len++;
		}
	}
	return 0;
}

/* All objects are mapped before the first constructor runs. */
__attribute__((constructor)) static void find_ours(void)
{
	dl_iterate_phdr(note_object, NULL);
}

static bool is_ours(const void *caller)
{
	int i;

	for (i = 0; i < ours_len; i++)
		if ((uintptr_t)caller >= ours[i].begin && (uintptr_t)caller < ours[i].end)
			return true;
	return false;
}

/* ---- whether a call fails ---- */

void fault_use(struct fault_control *c)
{
	control = c;
}

/* 0, or how it fails. fd: of a call on one connection's socket, else -1. */
static int fault(enum place place, int fd, size_t size, const void *caller)
{
	struct fault_control *c = control;
	long n;

	if (c == NULL || !__atomic_load_n(&c->armed, __ATOMIC_ACQUIRE) || !is_ours(caller) ||
	    size < c->at_least || (fd >= 0 && fd < c->fd_from))
		return 0;
	n = __atomic_add_fetch(&c->calls[place], 1, __ATOMIC_ACQ_REL);
	if (place != c->place || c->nth == 0 || n < c->nth)
		return 0;
	if (n == c->nth)
		c->fd = fd;
	else if (fd >= 0 && fd != c->fd)
		return 0;
	if (__atomic_add_fetch(&c->injected, 1, __ATOMIC_ACQ_REL) > c->times) {
		__atomic_sub_fetch(&c->injected, 1, __ATOMIC_ACQ_REL);
		return 0;
	}
	c->size = size;
	return c->error;
}

#define REAL(name) ({ \
	static __typeof__(&name) real_; \
	if (real_ == NULL) \
		*(void **)&real_ = dlsym(RTLD_NEXT, #name); \
	real_; \
})
#define CALLER __builtin_return_address(0)
/* Fails as it is told to, or goes on. */
#define MAY_FAIL(place, fd) do { \
	int fault_ = fault((place), (fd), 0, CALLER); \
	if (fault_ > 0) { \
		errno = fault_; \
		return -1; \
	} \
} while (0)

/* ---- edges ---- */

/* With edges, a read that brings less than there was room for says that the socket is empty
 * (epoll(7)); so the rest of one that was cut short has to come like bytes that arrive later,
 * with an edge of their own. What each descriptor is watched for: */
enum { WATCHED = 4096 };
static struct { int epfd; struct epoll_event event; } watched[WATCHED];
static pthread_mutex_t watched_lock = PTHREAD_MUTEX_INITIALIZER;

static int watch(int epfd, int op, int fd, struct epoll_event *event)
{
	int result;

	pthread_mutex_lock(&watched_lock);
	result = REAL(epoll_ctl)(epfd, op, fd, event);
	if (result == 0 && fd < WATCHED) {
		watched[fd].epfd = op == EPOLL_CTL_DEL ? 0 : epfd;
		if (op != EPOLL_CTL_DEL)
			watched[fd].event = *event;
	}
	pthread_mutex_unlock(&watched_lock);
	return result;
}

static void give_edge(int fd)
{
	int saved = errno;

	pthread_mutex_lock(&watched_lock);
	if (fd < WATCHED && watched[fd].epfd != 0)
		REAL(epoll_ctl)(watched[fd].epfd, EPOLL_CTL_MOD, fd, &watched[fd].event);
	pthread_mutex_unlock(&watched_lock);
	errno = saved;
}

/* ---- system calls ---- */

long syscall(long number, ...)
{
	long a[6];
	struct msghdr *msg, one;
	struct iovec byte;
	va_list list;
	int i, error = 0;

	va_start(list, number);
	for (i = 0; i < 6; i++)
		a[i] = va_arg(list, long);
	va_end(list);
	switch (number) {
	case SYS_recvfrom:
	case SYS_sendto:
		error = fault(number == SYS_sendto ? AT_SEND : AT_RECV, (int)a[0], 0, CALLER);
		if (error != SHORT || a[2] <= 1)
			break;
		a[2] = REAL(syscall)(number, a[0], a[1], 1L, a[3], a[4], a[5]);
		if (number == SYS_recvfrom)
			give_edge((int)a[0]);
		return a[2];
	case SYS_sendmsg:
		error = fault(AT_SENDMSG, (int)a[0], 0, CALLER);
		msg = (struct msghdr *)a[1];
		for (i = 0; error == SHORT && (size_t)i < msg->msg_iovlen; i++) {
			if (msg->msg_iov[i].iov_len == 0)
				continue;
			one = *msg;
			byte = msg->msg_iov[i];
			byte.iov_len = 1;
			one.msg_iov = &byte;
			one.msg_iovlen = 1;
			return REAL(syscall)(number, a[0], &one, a[2]);
		}
		break;
	case SYS_accept4:
		error = fault(AT_ACCEPT4, -1, 0, CALLER);
		break;
	case SYS_ppoll:
		error = fault(AT_PPOLL, -1, 0, CALLER);
		if (error != EINTR)
			break;
		/* A signal interrupts a wait; what is there already is told. */
		a[2] = (long)&(struct timespec){ 0, 0 };
		a[0] = REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4]);
		if (a[0] != 0)
			return a[0];
		break;
	}
	if (error > 0) {
		errno = error;
		return -1;
	}
	return REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

ssize_t read(int fd, void *buf, size_t len)
{
	int error = fault(AT_READ, fd, 0, CALLER);

	if (error > 0) {
		errno = error;
		return -1;
	}
	return REAL(read)(fd, buf, error == SHORT && len > 1 ? 1 : len);
}

ssize_t write(int fd, const void *buf, size_t len)
{
	int error = fault(AT_WRITE, fd, 0, CALLER);

	if (error > 0) {
		errno = error;
		return -1;
	}
	return REAL(write)(fd, buf, error == SHORT && len > 1 ? 1 : len);
}

ssize_t writev(int fd, const struct iovec *iov, int len)
{
	MAY_FAIL(AT_WRITEV, fd);
	return REAL(writev)(fd, iov, len);
}

int epoll_wait(int epfd, struct epoll_event *events, int max, int timeout)
{
	int n;

	if (fault(AT_EPOLL_WAIT, -1, 0, CALLER) == 0)
		return REAL(epoll_wait)(epfd, events, max, timeout);
	/* As of ppoll. */
	n = REAL(epoll_wait)(epfd, events, max, 0);
	errno = n == 0 ? EINTR : errno;
	return n > 0 ? n : -1;
}

int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
	if (op != EPOLL_CTL_DEL)
		MAY_FAIL(AT_EPOLL_CTL, -1);
	return watch(epfd, op, fd, event);
}

int epoll_create1(int flags)
{
	MAY_FAIL(AT_EPOLL_CREATE, -1);
	return REAL(epoll_create1)(flags);
}

int eventfd(unsigned count, int flags)
{
	int (*real)(unsigned, int);

	MAY_FAIL(AT_EVENTFD, -1);
	*(void **)&real = dlsym(RTLD_NEXT, "eventfd");
	return real(count, flags);
}

int socket(int domain, int type, int protocol)
{
	MAY_FAIL(AT_SOCKET, -1);
	return REAL(socket)(domain, type, protocol);
}

/* An attempt that is interrupted goes on; but of a Unix socket it was the wait for room in the
 * backlog, which a non-blocking one does not do. */
int connect(int fd, const struct sockaddr *to, socklen_t len)
{
	int error = fault(AT_CONNECT, -1, 0, CALLER);

	if (error == EINTR && to->sa_family == AF_UNIX && fcntl(fd, F_GETFL) & O_NONBLOCK)
		error = 0;

	if (error > 0 && !(error == EINTR && to->sa_family != AF_UNIX)) {
		errno = error;
		return -1;
	}
	if (REAL(connect)(fd, to, len) != 0)
		return -1;
	if (error > 0) {
		errno = error;
		return -1;
	}
	return 0;
}

int bind(int fd, const struct sockaddr *to, socklen_t len)
{
	MAY_FAIL(AT_BIND, -1);
	return REAL(bind)(fd, to, len);
}

int listen(int fd, int backlog)
{
	MAY_FAIL(AT_LISTEN, -1);
	return REAL(listen)(fd, backlog);
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	MAY_FAIL(AT_SETSOCKOPT, -1);
	return REAL(setsockopt)(fd, level, name, value, len);
}

int getsockopt(int fd, int level, int name, void *restrict value, socklen_t *restrict len)
{
	MAY_FAIL(AT_GETSOCKOPT, -1);
	return REAL(getsockopt)(fd, level, name, value, len);
}

int getsockname(int fd, struct sockaddr *restrict at, socklen_t *restrict len)
{
	MAY_FAIL(AT_GETSOCKNAME, -1);
	return REAL(getsockname)(fd, at, len);
}

int getpeername(int fd, struct sockaddr *restrict at, socklen_t *restrict len)
{
	MAY_FAIL(AT_GETPEERNAME, -1);
	return REAL(getpeername)(fd, at, len);
}

ssize_t getrandom(void *buf, size_t len, unsigned flags)
{
	int error = fault(AT_GETRANDOM, -1, 0, CALLER);

	if (error > 0) {
		errno = error;
		return -1;
	}
	return REAL(getrandom)(buf, error == SHORT && len > 1 ? 1 : len, flags);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
	int error = fault(AT_PTHREAD_CREATE, -1, 0, CALLER);

	return error > 0 ? error : REAL(pthread_create)(thread, attr, run, arg);
}

/* ---- what is alive ---- */

enum { SLOTS = 1 << 17 };
static struct { void *at; size_t size; } slots[SLOTS];
static long alive;
static pthread_mutex_t slots_lock = PTHREAD_MUTEX_INITIALIZER;

static size_t slot_of(const void *at)
{
	return (size_t)(((uintptr_t)at >> 4) * 0x9e3779b97f4a7c15u >> 47) % SLOTS;
}

static void *track(void *at, size_t size, const void *caller)
{
	struct fault_control *c = control;
	size_t i, n;

	if (at == NULL || c == NULL || !is_ours(caller))
		return at;
	pthread_mutex_lock(&slots_lock);
	for (i = slot_of(at), n = 0; slots[i].at > (void *)1 && n < SLOTS; i = (i + 1) % SLOTS)
		n++;
	if (n < SLOTS) {
		slots[i].at = at;
		slots[i].size = size;
		alive++;
	} else {
		c->untracked++;
	}
	pthread_mutex_unlock(&slots_lock);
	return at;
}

/* True if it was one of the library's. A slot that was in use stays a link of its chain. */
static bool untrack(const void *at)
{
	bool found = false;
	size_t i, n;

	if (at == NULL || control == NULL)
		return false;
	pthread_mutex_lock(&slots_lock);
	for (i = slot_of(at), n = 0; slots[i].at != NULL && n < SLOTS; i = (i + 1) % SLOTS, n++) {
		if (slots[i].at == at) {
			slots[i].at = (void *)1;
			alive--;
			found = true;
			break;
		}
	}
	/* The end of a chain is no link. */
	if (found && slots[(i + 1) % SLOTS].at == NULL) {
		while (slots[i].at == (void *)1) {
			slots[i].at = NULL;
			i = (i + SLOTS - 1) % SLOTS;
		}
	}
	pthread_mutex_unlock(&slots_lock);
	return found;
}

long fault_alive(void)
{
	return __atomic_load_n(&alive, __ATOMIC_ACQUIRE);
}

void fault_each_alive(void (*tell)(void *at, size_t size))
{
	size_t i;

	for (i = 0; i < SLOTS; i++)
		if (slots[i].at > (void *)1)
			tell(slots[i].at, slots[i].size);
}

void *malloc(size_t size)
{
	if (fault(AT_MALLOC, -1, size, CALLER) > 0) {
		errno = ENOMEM;
		return NULL;
	}
	return track(__libc_malloc(size), size, CALLER);
}

void *calloc(size_t count, size_t size)
{
	if (fault(AT_CALLOC, -1, count * size, CALLER) > 0) {
		errno = ENOMEM;
		return NULL;
	}
	return track(__libc_calloc(count, size), count * size, CALLER);
}

void *realloc(void *at, size_t size)
{
	void *grown;
	bool was;

	if (fault(AT_REALLOC, -1, size, CALLER) > 0) {
		errno = ENOMEM;
		return NULL;
	}
	/* Before: afterwards another thread may have the old address. */
	was = untrack(at);
	grown = __libc_realloc(at, size);
	if (was && grown == NULL)
		track(at, size, (void *)ours[0].begin);
	return track(grown, size, was ? (void *)ours[0].begin : CALLER);
}

int posix_memalign(void **at, size_t align, size_t size)
{
	if (fault(AT_POSIX_MEMALIGN, -1, size, CALLER) > 0)
		return ENOMEM;
	*at = track(__libc_memalign(align, size), size, CALLER);
	return *at != NULL ? 0 : ENOMEM;
}

void free(void *at)
{
	untrack(at);
	__libc_free(at);
}

int getaddrinfo(const char *restrict host, const char *restrict service,
		const struct addrinfo *restrict hints, struct addrinfo **restrict list)
{
	int code = fault(AT_GETADDRINFO, -1, 0, CALLER);

	if (code != 0) {
		errno = EMFILE;         /* for EAI_SYSTEM */
		return code;
	}
	code = REAL(getaddrinfo)(host, service, hints, list);
	if (code == 0)
		track(*list, sizeof(**list), CALLER);
	return code;
}

void freeaddrinfo(struct addrinfo *list)
{
	untrack(list);
	REAL(freeaddrinfo)(list);
}
