/*
 * What the preloaded shim and the program that sweeps share: which call of which function
 * fails how, and what was seen of it. Only calls that come from libminirpc.so.1 and
 * libminirpc-tls.so.1 are counted and failed; those of the program and of the C library
 * itself go through.
 */
#ifndef SHIM_H
#define SHIM_H

#include <stdbool.h>
#include <stddef.h>

/* What libminirpc calls as raw system calls comes through syscall(), which is a function of
 * the C library like any other. */
enum place {
	AT_RECV, AT_SEND, AT_SENDMSG, AT_ACCEPT4, AT_PPOLL, AT_READ, AT_WRITE, AT_WRITEV,
	AT_EPOLL_WAIT, AT_EPOLL_CTL, AT_EPOLL_CREATE, AT_EVENTFD, AT_SOCKET, AT_CONNECT, AT_BIND,
	AT_LISTEN, AT_SETSOCKOPT, AT_GETSOCKOPT, AT_GETSOCKNAME, AT_GETPEERNAME,
	AT_PTHREAD_CREATE, AT_GETADDRINFO, AT_GETRANDOM,
	AT_MALLOC, AT_CALLOC, AT_REALLOC, AT_POSIX_MEMALIGN,
	PLACES
};

/* Instead of an errno value: one byte goes, and no more. */
enum { SHORT = -1000 };

struct fault_control {
	bool armed;
	enum place place;
	long nth;               /* from 1; 0: count only */
	int error;              /* errno, SHORT, or what getaddrinfo returns */
	long times;             /* how often from then on; of a socket's calls, on that socket */
	size_t at_least;        /* allocations of so many bytes only */
	int fd_from;            /* calls on descriptors from this one on only */
	/* what was seen */
	long calls[PLACES];
	long injected;
	int fd;                 /* whose call failed first */
	size_t size;            /* of the allocation that failed last */
	long untracked;         /* allocations that found no room in the table */
};

/* Which one this process goes by; NULL: nothing is counted and nothing fails. */
void fault_use(struct fault_control *control);
/* How many allocations and address lists of the library are alive. */
long fault_alive(void);
/* Calls of the function for each of them, for a report. */
void fault_each_alive(void (*tell)(void *at, size_t size));

#endif
