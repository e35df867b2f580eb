/* PROTO: test.mx */
/*
 * A connection whose peer has sent far more than the handlers keep up with, so
 * that reading may have paused, is closed: while a handler runs, by that handler,
 * with nobody dispatching, after the peer. Nothing is left.
 */
#include "destroy.h"

enum { LEN = HEADER_LEN + 4, MESSAGES = 40000 };
enum how { OUTSIDE, IN_HANDLER, BY_PEER_THEN_US, HOWS };
static const char *const names[] = {
	"another thread", "the handler", "the peer, then another thread"
};

static struct counter inside = COUNTER_INIT, gate = COUNTER_INIT;
static struct end e;
static enum how how;

static void notify(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	(void)in;
	if (counter_add(&inside, 1) > 1)
		return;
	COUNTER_WAIT(&gate, 1);
	if (how == IN_HANDLER)
		CHECK_EQ(mrpc_conn_close(e.conn), 0);
}

static const struct test_server_operations ops = { .notify = notify };

/* As much as the socket takes, until our end has had enough for a while. */
static void fill(int fd)
{
	static unsigned char data[MESSAGES * LEN];
	struct pollfd p = { fd, POLLOUT, 0 };
	size_t sent = 0;
	int i;

	for (i = 0; i < MESSAGES; i++)
		peer_header(data + i * LEN, 0, PENDING, nr_test_notify, 4);
	while (sent < sizeof(data) && poll(&p, 1, 30) == 1) {
		ssize_t n = send(fd, data + sent, sizeof(data) - sent,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		REQUIRE(n > 0);
		sent += (size_t)n;
	}
}

static void run(int threads, bool tcp)
{
	struct leaks leaks;

	leaks_begin(&leaks);
	counter_init(&inside);
	counter_init(&gate);
	end_open(&e, test_server, threads, tcp);
	REQUIRE_EQ(test_server_set_operations(e.conn, &ops), 0);
	fill(e.fd);
	if (how == BY_PEER_THEN_US)
		shutdown(e.fd, SHUT_RDWR);
	if (how != IN_HANDLER)
		CHECK_EQ(mrpc_conn_close(e.conn), 0);
	counter_add(&gate, 1);
	end_await(&e);
	CHECK_EQ(counter_get(&e.probe.disconnects), 1);
	shutdown(e.fd, SHUT_RDWR);
	end_close(&e);
	LEAKS_CHECK(&leaks);
}

int main(void)
{
	int i, threads;

	for (i = 0; i < HOWS; i++)
		for (threads = 0; threads < 4; threads++) {
			how = (enum how)i;
			SECTION("by %s, %d dispatchers, socketpair", names[i], threads);
			run(threads, false);
			SECTION("by %s, %d dispatchers, TCP", names[i], threads);
			run(threads, true);
		}
	return tap_done();
}
