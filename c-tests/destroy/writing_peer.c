/* PROTO: test.mx */
/*
 * A peer that is blocked in writing when its connection is closed at our end
 * comes to know of it soon, not when some timer of the kernel's has run out.
 */
#include "destroy.h"

static struct counter ended = COUNTER_INIT, inside = COUNTER_INIT, gate = COUNTER_INIT;

static void poke(void *data, struct mrpc_message *msg)
{
	(void)data;
	(void)msg;
	counter_add(&inside, 1);
	COUNTER_WAIT(&gate, 1);
}

static const struct test_server_operations ops = { .poke = poke };

static void *write_on(void *arg)
{
	static unsigned char data[100 * HEADER_LEN];
	int fd = (int)(intptr_t)arg, i;

	for (i = 0; i < 100; i++)
		peer_header(data + i * HEADER_LEN, 0, PENDING, nr_test_poke, 0);
	while (send(fd, data, sizeof(data), MSG_NOSIGNAL) > 0)
		;
	counter_add(&ended, 1);
	return NULL;
}

/* Nothing more fits into the socket. */
static bool full(int fd)
{
	struct pollfd p = { fd, POLLOUT, 0 };

	return poll(&p, 1, 20) == 0;
}

static void run(bool tcp)
{
	pthread_t thread;
	struct leaks leaks;
	struct end e;

	leaks_begin(&leaks);
	counter_init(&ended);
	counter_init(&inside);
	counter_init(&gate);
	end_open(&e, test_server, 1, tcp);
	REQUIRE_EQ(test_server_set_operations(e.conn, &ops), 0);
	thread = thread_start(write_on, (void *)(intptr_t)e.fd);
	COUNTER_WAIT(&inside, 1);
	WAIT_FOR(full(e.fd));
	CHECK_EQ(PROMPT(mrpc_conn_close(e.conn)), 0);
	counter_add(&gate, 1);
	COUNTER_WAIT(&e.probe.disconnects, 1);
	COUNTER_WAIT(&ended, 1);
	shutdown(e.fd, SHUT_RDWR);
	thread_join(thread);
	end_close(&e);
	LEAKS_CHECK(&leaks);
}

int main(void)
{
	SECTION("socketpair");
	run(false);
	SECTION("TCP");
	run(true);
	return tap_done();
}
