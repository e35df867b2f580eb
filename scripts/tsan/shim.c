/* Between an instrumented library and the thread sanitizer's runtime: scripts/check-tsan.
 *
 * What the library asks of the kernel it asks through syscall(), which the runtime does not look
 * into; so who reads what another thread has written would not come after it. Here the same is
 * asked through functions that it knows.
 *
 * And LLVM calls three functions that GCC's runtime does not have before GCC 13. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

void *__tsan_memcpy(void *to, const void *from, size_t n);
void *__tsan_memmove(void *to, const void *from, size_t n);
void *__tsan_memset(void *to, int byte, size_t n);

void *__tsan_memcpy(void *to, const void *from, size_t n)
{
	return memcpy(to, from, n);
}

void *__tsan_memmove(void *to, const void *from, size_t n)
{
	return memmove(to, from, n);
}

void *__tsan_memset(void *to, int byte, size_t n)
{
	return memset(to, byte, n);
}

static long (*real)(long, ...);

__attribute__((constructor)) static void find(void)
{
	real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
}

long syscall(long number, ...)
{
	long a[6];
	va_list list;
	int i;

	va_start(list, number);
	for (i = 0; i < 6; i++)
		a[i] = va_arg(list, long);
	va_end(list);
	switch (number) {
	case SYS_read:
		return read((int)a[0], (void *)a[1], (size_t)a[2]);
	case SYS_write:
		return write((int)a[0], (const void *)a[1], (size_t)a[2]);
	case SYS_close:
		return close((int)a[0]);
	case SYS_sendto:
		return send((int)a[0], (const void *)a[1], (size_t)a[2], (int)a[3]);
	case SYS_sendmsg:
		return sendmsg((int)a[0], (const struct msghdr *)a[1], (int)a[2]);
	case SYS_recvfrom:
		return recv((int)a[0], (void *)a[1], (size_t)a[2], (int)a[3]);
	case SYS_accept4:
		return accept4((int)a[0], (struct sockaddr *)a[1], (socklen_t *)a[2], (int)a[3]);
	case SYS_ppoll:
		return ppoll((struct pollfd *)a[0], (nfds_t)a[1], (const struct timespec *)a[2],
			     (const sigset_t *)a[3]);
	default:
		return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	}
}
