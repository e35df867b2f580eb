/* PROTO: test.mx */
/* MODES: plain asan (memcheck takes a frame of this size for another stack) */
/* Dispatch threads have the platform's default stack: a handler that uses 4 of
 * its 8 MiB. */
#define _GNU_SOURCE
#include "extra_rt.h"

enum { DEEP = 4 << 20 };

static size_t stack_size;

static __attribute__((noinline)) int use_stack(void)
{
	volatile char deep[DEEP];
	int i, sum = 0;

	/* Down, as the stack grows. */
	for (i = DEEP - 1; i >= 0; i -= 1024)
		deep[i] = 1;
	for (i = DEEP - 1; i >= 0; i -= 1024)
		sum += deep[i];
	return sum;
}

static mrpc_status_t get(void *data, struct mrpc_message *msg, number *out)
{
	pthread_attr_t attr;

	(void)data;
	(void)msg;
	REQUIRE_EQ(pthread_getattr_np(pthread_self(), &attr), 0);
	pthread_attr_getstacksize(&attr, &stack_size);
	pthread_attr_destroy(&attr);
	*out = use_stack();
	return MINIRPC_OK;
}

static const struct test_server_operations ops = { .get = get };

int main(void)
{
	pthread_attr_t attr;
	struct leaks leaks;
	size_t standard;
	struct end e;

	leaks_begin(&leaks);
	REQUIRE_EQ(pthread_getattr_default_np(&attr), 0);
	pthread_attr_getstacksize(&attr, &standard);
	pthread_attr_destroy(&attr);
	if (standard < 2 * (size_t)DEEP)
		tap_skip("the default stack is %zu bytes here", standard);

	SECTION("a handler that uses 4 MiB of stack");
	end_open_server(&e, &ops, 1);
	peer_send(e.fd, 1, PENDING, nr_test_get, NULL, 0);
	PEER_NUMBER(e.fd, 1, nr_test_get, DEEP / 1024);
	SECTION("the stack is what threads get by default");
	CHECK_MSG(stack_size >= standard, "%zu bytes, by default %zu", stack_size, standard);
	end_close(&e);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
