/* PROTO: test.mx */
/* Many connections of one set to one other set: calls on all of them by some
 * threads, each connection with a cookie of its own. */
#include "calls.h"

enum { CONNS = 120, THREADS = 4, ROUNDS = 3 };

static struct mrpc_connection *clients[CONNS];
static struct mrpc_conn_set *server_set, *client_set;
static struct counter accepted = COUNTER_INIT, ended = COUNTER_INIT, replies = COUNTER_INIT;

/* How often this connection has been asked. */
static mrpc_status_t get(void *data, struct mrpc_message *msg, number *out)
{
	(void)msg;
	*out = ++*(int *)data;
	return MINIRPC_OK;
}

static const struct test_server_operations ops = { .get = get };

static void *on_accept(void *set_data, struct mrpc_connection *conn, struct sockaddr *from,
		       socklen_t len)
{
	(void)set_data;
	(void)from;
	(void)len;
	CHECK_EQ(test_server_set_operations(conn, &ops), 0);
	mrpc_conn_unref(conn);
	counter_add(&accepted, 1);
	return calloc(1, sizeof(int));
}

static void on_end(void *data, enum mrpc_disc_reason reason)
{
	CHECK_EQ(reason, MRPC_DISC_CLOSED);
	CHECK_EQ(*(int *)data, 2 * ROUNDS);
	free(data);
	counter_add(&ended, 1);
}

static void on_reply(void *data, void *private, mrpc_status_t status, number *reply)
{
	CHECK_EQ((intptr_t)data, (intptr_t)private);
	CHECK_EQ(status, MINIRPC_OK);
	CHECK(reply != NULL);
	counter_add(&replies, 1);
}

static void *call(void *arg)
{
	int i, round;

	for (round = 0; round < ROUNDS; round++)
		for (i = (int)(intptr_t)arg; i < CONNS; i += THREADS) {
			number *out = NULL;

			CHECK_EQ(test_get_async(clients[i], on_reply, (void *)(intptr_t)(i + 1)),
				 MINIRPC_OK);
			if (!CHECK_EQ(test_get(clients[i], &out), MINIRPC_OK))
				return NULL;
			CHECK_EQ(*out, 2 * round + 2);
			free_number(out, 1);
		}
	return NULL;
}

int main(void)
{
	pthread_t threads[THREADS];
	struct leaks leaks;
	char *port = NULL;
	int i;

	leaks_begin(&leaks);
	REQUIRE_EQ(mrpc_conn_set_create(&server_set, test_server, NULL), 0);
	REQUIRE_EQ(mrpc_conn_set_create(&client_set, test_client, NULL), 0);
	REQUIRE_EQ(mrpc_set_accept_func(server_set, on_accept), 0);
	REQUIRE_EQ(mrpc_set_listen_backlog(server_set, CONNS), 0);      /* no SYN is lost */
	REQUIRE_EQ(mrpc_set_disconnect_func(server_set, on_end), 0);
	for (i = 0; i < 2; i++) {
		REQUIRE_EQ(mrpc_start_dispatch_thread(server_set), 0);
		REQUIRE_EQ(mrpc_start_dispatch_thread(client_set), 0);
	}
	REQUIRE_EQ(mrpc_listen(server_set, AF_INET, "127.0.0.1", &port), 0);
	SECTION("%d connections", CONNS);
	for (i = 0; i < CONNS; i++) {
		REQUIRE_EQ(mrpc_conn_create(&clients[i], client_set, (void *)(intptr_t)(i + 1)), 0);
		REQUIRE_EQ(mrpc_connect(clients[i], AF_INET, "127.0.0.1", port), 0);
	}
	SECTION("%d threads", THREADS);
	for (i = 0; i < THREADS; i++)
		threads[i] = thread_start(call, (void *)(intptr_t)i);
	for (i = 0; i < THREADS; i++)
		thread_join(threads[i]);
	COUNTER_WAIT(&replies, CONNS * ROUNDS);
	CHECK_EQ(counter_get(&accepted), CONNS);
	SECTION("all of them closed");
	for (i = 0; i < CONNS; i++) {
		CHECK_EQ(mrpc_conn_close(clients[i]), 0);
		mrpc_conn_unref(clients[i]);
	}
	COUNTER_WAIT(&ended, CONNS);
	mrpc_listen_close(server_set);
	mrpc_conn_set_unref(server_set);
	mrpc_conn_set_unref(client_set);
	free(port);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
