/* The library's accept, as the test wants it. Behind _GNU_SOURCE. */
#ifndef ACCEPT_FAILS_H
#define ACCEPT_FAILS_H

#include "harness.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/syscall.h>

/* The test's: whether it fails this time, with errno. */
static bool accept_fails(void);

/* It is one of these. */
int accept4(int fd, struct sockaddr *addr, socklen_t *restrict len, int flags)
{
	int (*real)(int, struct sockaddr *, socklen_t *, int) =
		(int (*)(int, struct sockaddr *, socklen_t *, int))dlsym(RTLD_NEXT, "accept4");

	return accept_fails() ? -1 : real(fd, addr, len, flags);
}

long syscall(long number, ...)
{
	static long (*real)(long, ...);
	long args[6];
	va_list list;
	int i;

	va_start(list, number);
	for (i = 0; i < 6; i++)
		args[i] = va_arg(list, long);
	va_end(list);
	if (number == SYS_accept4 && accept_fails())
		return -1;
	if (real == NULL)
		real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	return real(number, args[0], args[1], args[2], args[3], args[4], args[5]);
}

#endif
