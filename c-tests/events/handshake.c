/* PROTO: test.mx */
/*
 * What applications do: two sets in one process, with one dispatch thread each,
 * connections made with mrpc_bind_fd only, after a handshake of the
 * application's own, on blocking and non-blocking sockets; then sync calls from
 * several threads on one connection, while messages go both ways.
 */
#include "extra_rt.h"

enum { THREADS = 4, CALLS = 150 };

static struct mrpc_connection *client, *server;
static struct counter events = COUNTER_INIT;

static mrpc_status_t add(void *data, struct mrpc_message *msg, operands *in, number *out)
{
	number n = in->a;

	(void)data;
	(void)msg;
	CHECK_EQ(test_event(server, &n), MINIRPC_OK);
	*out = in->a + in->b;
	return MINIRPC_OK;
}

static void event(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	(void)in;
	counter_add(&events, 1);
}

static const struct test_server_operations server_ops = { .add = add, .notify = count_notify };
static const struct test_client_operations client_ops = { .event = event };

static void *call(void *arg)
{
	int i;

	(void)arg;
	for (i = 0; i < CALLS; i++) {
		operands in = { i, 1000 };
		number *out = NULL, n = i;

		if (!CHECK_EQ(test_add(client, &in, &out), MINIRPC_OK))
			break;
		CHECK_EQ(*out, i + 1000);
		free_number(out, 1);
		CHECK_EQ(test_notify(client, &n), MINIRPC_OK);
	}
	return NULL;
}

/* The client's first words may be followed at once by its first request. */
static void handshake(int fds[2], bool nonblocking)
{
	char word[6] = "";
	int i;

	tcp_pair(fds);
	for (i = 0; nonblocking && i < 2; i++)
		REQUIRE_EQ(fcntl(fds[i], F_SETFL, O_NONBLOCK), 0);
	REQUIRE_EQ(write(fds[0], "HELLO", 5), 5);
	REQUIRE(peer_read(fds[1], word, 5));
	CHECK_STR(word, "HELLO");
	REQUIRE_EQ(write(fds[1], "READY", 5), 5);
	REQUIRE(peer_read(fds[0], word, 5));
	CHECK_STR(word, "READY");
}

int main(void)
{
	struct mrpc_conn_set *client_set, *server_set;
	struct probe client_probe, server_probe;
	pthread_t threads[THREADS];
	struct leaks leaks;
	int fds[2], i, round;

	leaks_begin(&leaks);
	REQUIRE_EQ(mrpc_conn_set_create(&client_set, test_client, NULL), 0);
	REQUIRE_EQ(mrpc_conn_set_create(&server_set, test_server, NULL), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(client_set), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(server_set), 0);
	probe_watch(client_set);
	probe_watch(server_set);
	for (round = 0; round < 2; round++) {
		SECTION("%d threads, %s", THREADS, round ? "O_NONBLOCK" : "blocking");
		counter_init(&notified);
		counter_init(&events);
		probe_init(&client_probe);
		probe_init(&server_probe);
		handshake(fds, round == 1);
		REQUIRE_EQ(mrpc_conn_create(&client, client_set, &client_probe), 0);
		REQUIRE_EQ(mrpc_conn_create(&server, server_set, &server_probe), 0);
		REQUIRE_EQ(test_client_set_operations(client, &client_ops), 0);
		REQUIRE_EQ(test_server_set_operations(server, &server_ops), 0);
		REQUIRE_EQ(mrpc_bind_fd(client, fds[0]), 0);
		REQUIRE_EQ(mrpc_bind_fd(server, fds[1]), 0);
		for (i = 0; i < THREADS; i++)
			threads[i] = thread_start(call, NULL);
		for (i = 0; i < THREADS; i++)
			thread_join(threads[i]);
		COUNTER_WAIT(&notified, THREADS * CALLS);
		COUNTER_WAIT(&events, THREADS * CALLS);
		CHECK_EQ(mrpc_conn_close(client), 0);
		mrpc_conn_unref(client);
		COUNTER_WAIT(&client_probe.disconnects, 1);
		COUNTER_WAIT(&server_probe.disconnects, 1);
		mrpc_conn_unref(server);
	}
	mrpc_conn_set_unref(client_set);
	mrpc_conn_set_unref(server_set);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
