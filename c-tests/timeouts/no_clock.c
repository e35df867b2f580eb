/* PROTO: test.mx */
/* NEEDS: additions */
/* MODES: plain (the library's calls of libc are counted) */
/* CFLAGS: -D_GNU_SOURCE */
/* LIBS: -ldl -rdynamic */
/*
 * A call without a timeout reads no clock, and makes one system call to send and one to receive,
 * also where calls with timeouts were made on the connection; one with a timeout reads the clock
 * once, and makes as many system calls.
 */
#include "timeouts.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <sys/syscall.h>

enum { CALLS = 1000, FEW = CALLS / 20 };

/* Of the thread that calls. */
static __thread bool counts;
static __thread long clocks, calls;

/* In front of libc's, for the library, too. */
int clock_gettime(clockid_t clock, struct timespec *at)
{
	/* The coarse one is for the connection's statistics: a few loads from memory. */
	clocks += counts && clock != CLOCK_MONOTONIC_COARSE;
	return (int)syscall(SYS_clock_gettime, clock, at);
}

long syscall(long number, ...)
{
	static long (*libc)(long, ...);
	long a[6];
	va_list args;
	int i;

	if (libc == NULL)
		libc = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	va_start(args, number);
	for (i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	calls += counts && number != SYS_clock_gettime;
	return libc(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static mrpc_status_t get(void *data, struct mrpc_message *msg, number *out)
{
	(void)data;
	(void)msg;
	*out = 8;
	return MINIRPC_OK;
}

static const struct test_server_operations ops = { .get = get };

static void call(struct pair *p, const struct mrpc_call_options *o)
{
	number *out;

	CHECK_EQ(test_get_with(p->client, o, &out), MINIRPC_OK);
	free_number(out, 1);
}

static void measure(struct pair *p, const struct mrpc_call_options *o, long want_clocks)
{
	int i;

	/* The first one may set the socket's limit; the connection may have to be lent. */
	for (i = 0; i < 100; i++)
		call(p, o);
	clocks = calls = 0;
	counts = true;
	for (i = 0; i < CALLS; i++)
		call(p, o);
	counts = false;
	tap_note("%ld clock reads, %ld system calls", clocks, calls);
	CHECK(clocks >= want_clocks && clocks <= want_clocks + (want_clocks ? FEW : 0));
	CHECK(calls >= CALLS && calls <= 2 * CALLS + FEW);
}

int main(void)
{
	struct mrpc_call_options timed = with(5000, NULL);
	struct pair p;

	/* To spin is to look at the clock. */
	setenv("MINIRPC_SPIN_US", "0", 1);
	pair_open(&p, PAIR_SOCKETPAIR | PAIR_NO_CLIENT_DISPATCH, test_client, test_server);
	REQUIRE_EQ(test_server_set_operations(p.server, &ops), 0);
	SECTION("without a timeout");
	measure(&p, NULL, 0);
	SECTION("with one");
	measure(&p, &timed, CALLS);
	SECTION("and without again");
	measure(&p, NULL, 0);
	pair_close(&p);
	return tap_done();
}
