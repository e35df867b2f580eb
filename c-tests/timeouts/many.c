/* PROTO: test.mx */
/* NEEDS: additions */
/* TIMEOUT: 60 */
/* MODES: plain (memory is measured) */
/*
 * 100,000 outstanding calls with distinct timeouts: each ends once, and costs at most 64 bytes
 * more than a call without one.
 */
#include "timeouts.h"

#include <malloc.h>

enum { MANY = 100000 };

static unsigned char times_ended[MANY];
static struct counter called = COUNTER_INIT;

static void on_get(void *data, void *private, mrpc_status_t status, number *reply)
{
	(void)data;
	(void)reply;
	if (status == TIMEDOUT)
		times_ended[(intptr_t)private]++;
	counter_add(&called, 1);
}

static void *swallow(void *arg)
{
	int fd = *(int *)arg;
	static char buffer[1 << 20];

	while (read(fd, buffer, sizeof(buffer)) > 0)
		;
	return NULL;
}

static size_t used(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

/* Makes so many calls; the bytes that they take. */
static size_t post(struct end *e, bool with_timeouts)
{
	size_t before = used();
	int i;

	for (i = 0; i < MANY; i++) {
		/* Scattered over two seconds, after all have been made. */
		struct mrpc_call_options o = with(6000 + (unsigned)(i * 7919LL % MANY / 50), NULL);
		mrpc_status_t status;

		o.timeout_ms = with_timeouts ? o.timeout_ms : 0;
		status = test_get_async_with(e->conn, &o, on_get, (void *)(intptr_t)i);
		if (status != MINIRPC_OK && !CHECK_EQ(status, MINIRPC_OK))
			break;
	}
	return used() - before;
}

int main(void)
{
	size_t bytes[2];
	struct end e;
	pthread_t thread;
	int64_t start;
	int i, bad = 0;

	for (i = 0; i < 2; i++) {
		end_open(&e, test_client, 1, false);
		thread = thread_start(swallow, &e.fd);
		counter_init(&called);
		SECTION("%d calls %s a timeout", MANY, i ? "with" : "without");
		start = now_us();
		bytes[i] = post(&e, i);
		tap_note("%zu bytes, %lld us", bytes[i], (long long)(now_us() - start));
		if (i) {
			SECTION("at most 64 bytes more for each");
			CHECK_MSG(bytes[1] <= bytes[0] + 64 * MANY, "%.1f bytes each",
				  ((double)bytes[1] - (double)bytes[0]) / MANY);
			SECTION("each ends once");
			WAIT_FOR_MS(counter_get(&called) == MANY, 40000);
			for (i = 0; i < MANY; i++)
				bad += times_ended[i] != 1;
			CHECK_EQ(bad, 0);
			i = 1;
		}
		REQUIRE_EQ(mrpc_conn_close(e.conn), 0);
		COUNTER_WAIT(&e.probe.disconnects, 1);
		COUNTER_WAIT(&called, MANY);
		thread_join(thread);
		end_close(&e);
	}
	return tap_done();
}
