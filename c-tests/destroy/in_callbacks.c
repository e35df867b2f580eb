/* PROTO: test.mx */
/*
 * The last references to a connection and to its set are dropped inside a
 * callback of that connection: a request's, a message's, a reply's, an ioerr's, a
 * disconnect's, an accept's. The handle is good until the disconnect; the
 * dispatchers come back.
 */
#include "destroy.h"

enum where { REQUEST, MESSAGE, REPLY, IOERR, DISCONNECT, ACCEPT, WHERES };
static const char *const names[] = {
	"request", "message", "reply", "ioerr", "disconnect", "accept"
};

static struct mrpc_conn_set *set;
static struct mrpc_connection *conn;
static enum where where;
static bool closes;
static struct counter done = COUNTER_INIT, ended = COUNTER_INIT;

static void drop(enum where here)
{
	number n = 1;

	if (here != where)
		return;
	if (here == ACCEPT)
		mrpc_listen_close(set);
	mrpc_conn_set_unref(set);
	mrpc_conn_unref(conn);
	if (here == DISCONNECT)
		CHECK_EQ(test_event(conn, &n), MINIRPC_NETWORK_FAILURE);
	else
		CHECK_EQ(test_event(conn, &n), MINIRPC_OK);
	if (closes)
		CHECK_EQ(mrpc_conn_close(conn), 0);
	counter_add(&done, 1);
}

static mrpc_status_t ping(void *data, struct mrpc_message *msg)
{
	(void)data;
	(void)msg;
	drop(REQUEST);
	return MINIRPC_OK;
}

static void poke(void *data, struct mrpc_message *msg)
{
	(void)data;
	(void)msg;
	drop(MESSAGE);
}

static const struct test_server_operations ops = { .ping = ping, .poke = poke };

static void replied(void *data, void *private, mrpc_status_t status)
{
	(void)data;
	(void)private;
	CHECK_EQ(status, MINIRPC_OK);
	drop(REPLY);
}

static void ioerr(void *data, char *text)
{
	(void)data;
	(void)text;
	drop(IOERR);
}

static void disconnected(void *data, enum mrpc_disc_reason reason)
{
	(void)data;
	CHECK_EQ(reason, closes && where != DISCONNECT ? MRPC_DISC_USER : MRPC_DISC_CLOSED);
	drop(DISCONNECT);
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
	drop(ACCEPT);
	return NULL;
}

static void run(bool own_thread)
{
	struct dispatcher loop;
	struct leaks leaks;
	struct frame f;
	char *port = NULL;
	int fd;

	leaks_begin(&leaks);
	counter_init(&done);
	counter_init(&ended);
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_server, NULL), 0);
	REQUIRE_EQ(mrpc_set_disconnect_func(set, disconnected), 0);
	REQUIRE_EQ(mrpc_set_ioerr_func(set, ioerr), 0);
	REQUIRE_EQ(mrpc_set_accept_func(set, accepted), 0);
	if (own_thread)
		dispatcher_start(&loop, set);
	else
		REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	if (where == ACCEPT) {
		REQUIRE_EQ(mrpc_listen(set, AF_INET, "127.0.0.1", &port), 0);
		fd = peer_connect(port);
	} else {
		fd = end_add(set, &conn, NULL, false);
		REQUIRE_EQ(test_server_set_operations(conn, &ops), 0);
	}
	if (where == REQUEST) {
		peer_send(fd, 1, PENDING, nr_test_ping, NULL, 0);
	} else if (where == MESSAGE) {
		peer_send(fd, 1, PENDING, nr_test_poke, NULL, 0);
	} else if (where == IOERR) {
		peer_send(fd, 99, MINIRPC_OK, nr_test_client_ping, NULL, 0);
	} else if (where == REPLY) {
		CHECK_EQ(test_client_ping_async(conn, replied, NULL), MINIRPC_OK);
		peer_recv(fd, &f);
		peer_send(fd, f.seq, MINIRPC_OK, f.cmd, NULL, 0);
		free(f.data);
	} else if (where == DISCONNECT) {
		close(fd);
	}
	COUNTER_WAIT(&done, 1);
	if (where != DISCONNECT) {
		peer_recv(fd, &f);
		CHECK_EQ(f.cmd, nr_test_event);
		free(f.data);
		if (where == REQUEST && !closes)        /* unread, it were a reset */
			PEER_EXPECT(fd, 1, MINIRPC_OK, nr_test_ping, NULL, 0);
		close(fd);
	}
	COUNTER_WAIT(&ended, 1);
	if (own_thread)
		CHECK_EQ(dispatcher_join(&loop), ENXIO);
	free(port);
	LEAKS_CHECK(&leaks);
	CHECK_EQ(counter_get(&done), 1);
	CHECK_EQ(counter_get(&ended), 1);
}

int main(void)
{
	int i, round;

	for (i = 0; i < WHERES; i++)
		for (round = 0; round < 20; round++) {
			where = (enum where)i;
			closes = round & 1 && where != DISCONNECT;
			SECTION("%s%s, %s", names[i], closes ? ", which closes" : "",
				round & 2 ? "dispatch thread" : "mrpc_dispatch_loop");
			run(!(round & 2));
		}
	return tap_done();
}
