/* PROTO: test.mx */
/*
 * Another thread drops every reference while a callback runs, which goes on with
 * the handle: in a request handler, in the disconnect callback, in accept.
 */
#include "destroy.h"

static struct mrpc_conn_set *set;
static struct mrpc_connection *conn;
static struct counter inside = COUNTER_INIT, gate = COUNTER_INIT, ended = COUNTER_INIT;
static int where;               /* 0 request, 1 disconnect, 2 accept */

static void hold(int here)
{
	number n = 1;
	uint64_t count;

	if (here != where)
		return;
	counter_add(&inside, 1);
	COUNTER_WAIT(&gate, 1);
	CHECK_EQ(test_event(conn, &n), where == 1 ? MINIRPC_NETWORK_FAILURE : MINIRPC_OK);
	CHECK_EQ(mrpc_conn_get_counter(conn, MRPC_CONNCTR_SEND_MSGS, &count), 0);
	CHECK_EQ(count, where != 1);
	CHECK_EQ(mrpc_stop_events(conn), 0);
	CHECK_EQ(mrpc_start_events(conn), 0);
	mrpc_conn_ref(conn);
	mrpc_conn_unref(conn);
}

static mrpc_status_t ping(void *data, struct mrpc_message *msg)
{
	(void)data;
	(void)msg;
	hold(0);
	return MINIRPC_OK;
}

static const struct test_server_operations ops = { .ping = ping };

static void disconnected(void *data, enum mrpc_disc_reason reason)
{
	(void)data;
	CHECK_EQ(reason, MRPC_DISC_CLOSED);
	hold(1);
	counter_add(&ended, 1);
}

static void *accepted(void *data, struct mrpc_connection *new_conn, struct sockaddr *from,
		      socklen_t len)
{
	(void)data;
	(void)from;
	(void)len;
	conn = new_conn;
	CHECK_EQ(test_server_set_operations(conn, &ops), 0);
	hold(2);
	return NULL;
}

static void *drop(void *arg)
{
	(void)arg;
	mrpc_conn_unref(conn);
	mrpc_listen_close(set);
	mrpc_conn_set_unref(set);
	return NULL;
}

static void run(int threads)
{
	struct leaks leaks;
	struct frame f;
	char *port = NULL;
	int fd, i;

	leaks_begin(&leaks);
	counter_init(&inside);
	counter_init(&gate);
	counter_init(&ended);
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_server, NULL), 0);
	REQUIRE_EQ(mrpc_set_disconnect_func(set, disconnected), 0);
	REQUIRE_EQ(mrpc_set_accept_func(set, accepted), 0);
	for (i = 0; i < threads; i++)
		REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	REQUIRE_EQ(mrpc_listen(set, AF_INET, "127.0.0.1", &port), 0);
	fd = peer_connect(port);
	if (where == 0)
		peer_send(fd, 1, PENDING, nr_test_ping, NULL, 0);
	if (where == 1)
		close(fd);
	COUNTER_WAIT(&inside, 1);
	thread_join(thread_start(drop, NULL));
	STAYS(counter_get(&ended) == 0, 5);
	counter_add(&gate, 1);
	if (where != 1) {
		peer_recv(fd, &f);
		free(f.data);
		if (where == 0)         /* unread, it were a reset */
			PEER_EXPECT(fd, 1, MINIRPC_OK, nr_test_ping, NULL, 0);
		close(fd);
	}
	COUNTER_WAIT(&ended, 1);
	free(port);
	LEAKS_CHECK(&leaks);
	CHECK_EQ(counter_get(&ended), 1);
}

int main(void)
{
	static const char *const names[] = { "request", "disconnect", "accept" };
	int i;

	for (i = 0; i < 18; i++) {
		where = i % 3;
		SECTION("in %s, %d dispatchers", names[where], i % 2 + 1);
		run(i % 2 + 1);
	}
	return tap_done();
}
