/* PROTO: test.mx */
/*
 * Peers flood a set with requests and messages, and read nothing, while its
 * connections are closed and all references dropped: from outside, from a
 * handler. It goes, and nothing is left.
 */
#include "destroy.h"

enum { PEERS = 6, ROUNDS = 24 };

static struct mrpc_connection *conns[PEERS];
static struct probe probes[PEERS];
static struct mrpc_conn_set *set;
static struct counter handled = COUNTER_INIT;
static bool in_handler;

static void drop_all(void)
{
	int i;

	for (i = 0; i < PEERS; i++) {
		CHECK_EQ(mrpc_conn_close(conns[i]), 0);
		mrpc_conn_unref(conns[i]);
	}
	mrpc_conn_set_unref(set);
}

static void notify(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	(void)in;
	if (counter_add(&handled, 1) == 500 && in_handler)
		drop_all();
}

static mrpc_status_t put(void *data, struct mrpc_message *msg, number *in)
{
	notify(data, msg, in);
	return MINIRPC_OK;
}

static const struct test_server_operations ops = { .notify = notify, .put = put };

static int peers[PEERS];

/* Until the connection is cut. No more replies than the socket takes: closing
 * would wait for the peer to read them. */
static void *flood(void *arg)
{
	enum { LEN = HEADER_LEN + 4, MANY = 200 };
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

static void run(int round)
{
	pthread_t threads[PEERS];
	struct leaks leaks;
	int i;

	leaks_begin(&leaks);
	counter_init(&handled);
	in_handler = round % 2;
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_server, NULL), 0);
	probe_watch(set);
	for (i = 0; i < PEERS; i++) {
		probe_init(&probes[i]);
		peers[i] = end_add(set, &conns[i], &probes[i], i % 2);
		REQUIRE_EQ(test_server_set_operations(conns[i], &ops), 0);
		threads[i] = thread_start(flood, (void *)(intptr_t)peers[i]);
	}
	for (i = 0; i <= round % 3; i++)
		REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	COUNTER_WAIT(&handled, 500);
	if (!in_handler)
		drop_all();
	for (i = 0; i < PEERS; i++)
		COUNTER_WAIT(&probes[i].disconnects, 1);
	for (i = 0; i < PEERS; i++) {
		shutdown(peers[i], SHUT_RDWR);
		thread_join(threads[i]);
		close(peers[i]);
	}
	LEAKS_CHECK(&leaks);
}

int main(void)
{
	int round;

	for (round = 0; round < ROUNDS; round++) {
		SECTION("%d peers flood, %d dispatchers, dropped %s", PEERS, round % 3 + 1,
			round % 2 ? "in a handler" : "outside");
		run(round);
	}
	return tap_done();
}
