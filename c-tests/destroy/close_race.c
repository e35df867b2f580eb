/* PROTO: test.mx */
/* TIMEOUT: 60 */
/*
 * A connection that is being read from is closed, at any moment: by another
 * thread, or by its handler. Each time all is given back.
 */
#include "destroy.h"

enum { ROUNDS = 250, LEN = HEADER_LEN + 4, MANY = 200 };

static struct counter handled = COUNTER_INIT;
static struct end e;
static struct mrpc_connection *conn;     /* e.conn, also when that is given up */
static int until;
static bool in_handler;

static void notify(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	(void)in;
	if (counter_add(&handled, 1) == until && in_handler)
		CHECK_EQ(mrpc_conn_close(conn), 0);
}

static mrpc_status_t put(void *data, struct mrpc_message *msg, number *in)
{
	notify(data, msg, in);
	return MINIRPC_OK;
}

static const struct test_server_operations ops = { .notify = notify, .put = put };

/* Nobody reads the replies: there are no more than the socket takes, or closing
 * would wait for the peer. */
static void *flood(void *arg)
{
	unsigned char data[MANY * LEN] = { 0 };
	int fd = (int)(intptr_t)arg, batch, i;

	for (batch = 0;; batch++) {
		for (i = 0; i < MANY && batch <= 60; i++)
			peer_header(data + i * LEN, (uint32_t)i, PENDING,
				    i % 50 || batch == 60 ? nr_test_notify : nr_test_put, 4);
		if (send(fd, data, sizeof(data), MSG_NOSIGNAL) <= 0)
			return NULL;
	}
}

static bool run(int round)
{
	bool early = round % 2;         /* our references go before the disconnect */
	struct leaks leaks;
	pthread_t thread;

	leaks_begin(&leaks);
	counter_init(&handled);
	until = 1 + round * 37 % 5000;
	in_handler = round % 4 == 3;
	end_open(&e, test_server, 1 + round % 3, false);
	conn = e.conn;
	REQUIRE_EQ(test_server_set_operations(e.conn, &ops), 0);
	thread = thread_start(flood, (void *)(intptr_t)e.fd);
	COUNTER_WAIT(&handled, until);
	if (!in_handler)
		CHECK_EQ(mrpc_conn_close(e.conn), 0);
	if (early)
		end_unref(&e);
	COUNTER_WAIT(&e.probe.disconnects, 1);
	shutdown(e.fd, SHUT_RDWR);
	thread_join(thread);
	close(e.fd);
	if (!early)
		end_unref(&e);
	return LEAKS_CHECK(&leaks);
}

int main(void)
{
	int round;

	SECTION("%d rounds", ROUNDS);
	for (round = 0; round < ROUNDS; round++)
		if (!run(round)) {
			tap_note("round %d, %d dispatchers, closed %s after %d messages", round,
				 1 + round % 3, in_handler ? "in the handler" : "outside", until);
			break;
		}
	return tap_done();
}
