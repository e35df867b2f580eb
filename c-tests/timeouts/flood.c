/* PROTO: test.mx */
/* NEEDS: additions */
/* TIMEOUT: 60 */
/*
 * A sync call ends in time while the peer floods, and while threads of our own send without
 * end what the peer takes, so that the caller reads, or writes, for others.
 */
#include "timeouts.h"

static struct counter stop = COUNTER_INIT;
static char payload[16000];

/* Messages without end, which the library throws away or queues. */
static void *flood(void *arg)
{
	static char buffer[1 << 16];
	struct end *e = arg;
	size_t at;

	for (at = 0; at + HEADER_LEN <= sizeof(buffer); at += HEADER_LEN)
		peer_header(buffer + at, 0, PENDING, nr_test_tick, 0);
	while (counter_get(&stop) == 0)
		peer_write(e->fd, buffer, at);
	return NULL;
}

static struct counter ticks = COUNTER_INIT;

static void tick(void *data, struct mrpc_message *msg)
{
	(void)data;
	(void)msg;
	ticks.n++;
}

static const struct test_client_operations ops = { .tick = tick };

static void *swallow(void *arg)
{
	static char buffer[1 << 18];
	struct end *e = arg;

	while (read(e->fd, buffer, sizeof(buffer)) > 0)
		;
	return NULL;
}

static void *push(void *arg)
{
	struct end *e = arg;
	blob b = { sizeof(payload), payload };

	while (counter_get(&stop) == 0)
		CHECK_EQ(test_push(e->conn, &b), MINIRPC_OK);
	return NULL;
}

int main(void)
{
	pthread_t threads[3];
	struct leaks leaks;
	struct end e;
	int i;

	leaks_begin(&leaks);
	SECTION("a peer that floods");
	end_open_client(&e, &ops, 1);
	/* No bound ends the calls before their time. */
	REQUIRE_EQ(mrpc_set_event_limit(e.set, UINT_MAX, (size_t)-1), 0);
	threads[0] = thread_start(flood, &e);
	WAIT_FOR(conn_count(e.conn, MRPC_CONNCTR_RECV_MSGS) > 10000);
	for (i = 0; i < 5; i++) {
		TIMES_OUT(e.conn, 10);
		TIMES_OUT(e.conn, 100);
	}
	counter_add(&stop, 1);
	thread_join(threads[0]);
	end_close(&e);

	SECTION("threads that send without end");
	counter_init(&stop);
	end_open_client(&e, &ops, 1);
	threads[0] = thread_start(swallow, &e);
	threads[1] = thread_start(push, &e);
	threads[2] = thread_start(push, &e);
	WAIT_FOR(conn_count(e.conn, MRPC_CONNCTR_SEND_MSGS) > 100);
	for (i = 0; i < 5; i++) {
		TIMES_OUT(e.conn, 10);
		TIMES_OUT(e.conn, 100);
	}
	counter_add(&stop, 1);
	thread_join(threads[1]);
	thread_join(threads[2]);
	REQUIRE_EQ(mrpc_conn_close(e.conn), 0);
	thread_join(threads[0]);
	end_close(&e);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
