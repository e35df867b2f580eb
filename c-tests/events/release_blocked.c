/* PROTO: test.mx */
/* A handler that has released its event and then blocks holds up nothing: the
 * other dispatcher serves this connection and new ones, every time. */
#include "extra_rt.h"

enum { ROUNDS = 150 };

static struct counter accepted = COUNTER_INIT, gate = COUNTER_INIT, ended = COUNTER_INIT;
static struct counter left = COUNTER_INIT;      /* handlers that were blocked */
static struct mrpc_connection *last;

static void poke(void *data, struct mrpc_message *msg)
{
	(void)data;
	(void)msg;
	CHECK_EQ(mrpc_release_event(), 0);
	counter_add(&accepted, 1);
	COUNTER_WAIT(&gate, 1);
	counter_add(&left, 1);
}

static const struct test_server_operations ops = { .ping = answer_ping, .poke = poke };

static void *on_accept(void *data, struct mrpc_connection *conn, struct sockaddr *from,
		       socklen_t len)
{
	(void)from;
	(void)len;
	last = conn;
	CHECK_EQ(test_server_set_operations(conn, &ops), 0);
	if (counter_get(&ended) % 2)
		poke(NULL, NULL);
	else
		counter_add(&accepted, 1);
	return data;
}

static void on_disconnect(void *data, enum mrpc_disc_reason reason)
{
	(void)data;
	(void)reason;
	counter_add(&ended, 1);
}

int main(void)
{
	struct mrpc_conn_set *set;
	struct leaks leaks;
	char *port = NULL;
	int fd, i;

	leaks_begin(&leaks);
	SECTION("served while the other dispatcher is blocked in a released handler");
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_server, NULL), 0);
	REQUIRE_EQ(mrpc_set_accept_func(set, on_accept), 0);
	REQUIRE_EQ(mrpc_set_disconnect_func(set, on_disconnect), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	REQUIRE_EQ(mrpc_listen(set, AF_INET, "127.0.0.1", &port), 0);
	for (i = 0; i < ROUNDS; i++) {
		counter_init(&accepted);
		counter_init(&gate);
		fd = peer_connect(port);
		COUNTER_WAIT(&accepted, 1);
		if (i % 2 == 0) {
			peer_send(fd, 0, PENDING, nr_test_poke, NULL, 0);
			COUNTER_WAIT(&accepted, 2);
		}
		peer_send(fd, 1, PENDING, nr_test_ping, NULL, 0);
		if (!PROMPT(PEER_EXPECT(fd, 1, MINIRPC_OK, nr_test_ping, NULL, 0)))
			break;
		counter_add(&gate, 1);
		close(fd);
		if (!COUNTER_WAIT(&ended, i + 1) || !COUNTER_WAIT(&left, i + 1))
			break;
		mrpc_conn_unref(last);
	}
	mrpc_listen_close(set);
	mrpc_conn_set_unref(set);
	free(port);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
