/* PROTO: test.mx */
/* A descriptor that the library accepts is close-on-exec when accept returns it. */
#define _GNU_SOURCE
#include "fault.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <sys/syscall.h>

static struct counter accepted = COUNTER_INIT, inherited = COUNTER_INIT;

static void look(int fd)
{
	if (fd < 0)
		return;
	if (!(fcntl(fd, F_GETFD) & FD_CLOEXEC))
		counter_add(&inherited, 1);
	counter_add(&accepted, 1);
}

/* The library's accept is one of these. */
int accept4(int fd, struct sockaddr *addr, socklen_t *restrict len, int flags)
{
	int (*real)(int, struct sockaddr *, socklen_t *, int) =
		(int (*)(int, struct sockaddr *, socklen_t *, int))dlsym(RTLD_NEXT, "accept4");
	int made = real(fd, addr, len, flags);

	look(made);
	return made;
}

long syscall(long number, ...)
{
	static long (*real)(long, ...);
	long args[6], result;
	va_list list;
	int i;

	va_start(list, number);
	for (i = 0; i < 6; i++)
		args[i] = va_arg(list, long);
	va_end(list);
	if (real == NULL)
		real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	result = real(number, args[0], args[1], args[2], args[3], args[4], args[5]);
	if (number == SYS_accept4)
		look((int)result);
	return result;
}

int main(void)
{
	int fd;

	SECTION("a connection that is accepted");
	server_start(1);
	fd = peer_connect(server.port);
	SERVED(fd);
	CHECK_EQ(counter_get(&accepted), 1);
	CHECK_EQ(counter_get(&inherited), 0);
	close(fd);
	server_stop();
	return tap_done();
}
