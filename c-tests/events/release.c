/* PROTO: test.mx */
/*
 * mrpc_release_event: EPERM outside of handlers, 0 once per event, then ENOENT;
 * it lets the connection's next event run on another dispatcher.
 */
#include "extra_rt.h"

static struct counter entered = COUNTER_INIT, gate = COUNTER_INIT, returned = COUNTER_INIT;
static struct counter others = COUNTER_INIT;

static void released(void)
{
	CHECK_EQ(mrpc_release_event(), 0);
	CHECK_EQ(mrpc_release_event(), ENOENT);
	CHECK_EQ(mrpc_release_event(), ENOENT);
	counter_add(&others, 1);
}

static mrpc_status_t later(void *data, struct mrpc_message *msg, number *in, number *out)
{
	(void)data;
	(void)msg;
	if (*in == 0)
		released();
	counter_add(&entered, 1);
	if (*in == 0)
		COUNTER_WAIT(&gate, 1);
	*out = *in;
	counter_add(&returned, 1);
	return MINIRPC_OK;
}

static void poke(void *data, struct mrpc_message *msg)
{
	(void)data;
	(void)msg;
	released();
}

static void replied(void *data, void *private, mrpc_status_t status)
{
	(void)data;
	(void)private;
	(void)status;
	released();
}

static void *accepted(void *data, struct mrpc_connection *conn, struct sockaddr *from,
		      socklen_t len)
{
	(void)data;
	(void)from;
	(void)len;
	released();
	return conn;
}

static void failed(void *data, char *message)
{
	(void)data;
	(void)message;
	released();
}

static void disconnected(void *data, enum mrpc_disc_reason reason)
{
	struct mrpc_connection *conn = data;

	(void)reason;
	mrpc_conn_unref(conn);
	released();
}

static const struct test_server_operations ops = { .later = later, .poke = poke };

static void *no_handler(void *arg)
{
	(void)arg;
	CHECK_EQ(mrpc_release_event(), EPERM);
	return NULL;
}

static void every_kind(void)
{
	struct mrpc_conn_set *set;
	struct mrpc_connection *conn;
	char *port = NULL;
	int fd, peer;

	REQUIRE_EQ(mrpc_conn_set_create(&set, test_server, NULL), 0);
	REQUIRE_EQ(mrpc_set_accept_func(set, accepted), 0);
	REQUIRE_EQ(mrpc_set_ioerr_func(set, failed), 0);
	REQUIRE_EQ(mrpc_set_disconnect_func(set, disconnected), 0);
	REQUIRE_EQ(mrpc_listen(set, AF_INET, "127.0.0.1", &port), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	counter_init(&others);

	fd = peer_connect(port);
	COUNTER_WAIT(&others, 1);                               /* accept */
	REQUIRE_EQ(mrpc_conn_create(&conn, set, NULL), 0);      /* cookie: the handle */
	REQUIRE_EQ(test_server_set_operations(conn, &ops), 0);
	peer = peer_bind(conn);
	peer_send(peer, 0, PENDING, nr_test_poke, NULL, 0);
	COUNTER_WAIT(&others, 2);                               /* message */
	peer_send(peer, 77, MINIRPC_OK, nr_test_client_ping, NULL, 0);
	COUNTER_WAIT(&others, 3);                               /* ioerr */
	REQUIRE_EQ(test_client_ping_async(conn, replied, NULL), MINIRPC_OK);
	close(peer);
	COUNTER_WAIT(&others, 5);                               /* reply, disconnect */
	close(fd);
	COUNTER_WAIT(&others, 6);
	mrpc_listen_close(set);
	mrpc_conn_set_unref(set);
	free(port);
}

int main(void)
{
	struct leaks leaks;
	struct end e;

	SECTION("EPERM before any set exists");
	leaks_begin(&leaks);
	CHECK_EQ(mrpc_release_event(), EPERM);
	thread_join(thread_start(no_handler, NULL));

	SECTION("the next event runs beside the one that was released");
	end_open_server(&e, &ops, 2);
	peer_number(e.fd, 1, nr_test_later, 0);
	COUNTER_WAIT(&entered, 1);
	peer_number(e.fd, 2, nr_test_later, 22);
	PEER_NUMBER(e.fd, 2, nr_test_later, 22);
	CHECK_EQ(counter_get(&returned), 1);
	counter_add(&gate, 1);
	PEER_NUMBER(e.fd, 1, nr_test_later, 0);
	COUNTER_WAIT(&returned, 2);
	end_close(&e);

	SECTION("EPERM after a handler has returned, in the thread that ran it");
	end_open_server(&e, &ops, BY_HAND);
	peer_send(e.fd, 0, PENDING, nr_test_poke, NULL, 0);
	counter_init(&others);
	DISPATCH_UNTIL(e.set, counter_get(&others) == 1);
	CHECK_EQ(mrpc_release_event(), EPERM);
	SECTION("and again 0 in the next handler of the same thread");
	peer_send(e.fd, 0, PENDING, nr_test_poke, NULL, 0);
	DISPATCH_UNTIL(e.set, counter_get(&others) == 2);
	end_close(&e);

	SECTION("0, then ENOENT, in handlers of every kind");
	every_kind();
	LEAKS_CHECK(&leaks);
	return tap_done();
}
