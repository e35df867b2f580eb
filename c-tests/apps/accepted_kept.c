/* PROTO: test.mx */
/*
 * A server that never drops a reference to what it accepted: its descriptors go
 * with the connections, the handles stay good, and it serves on.
 */
#include "apps.h"

enum { CLIENTS = 200, AT_ONCE = 10 };

static struct mrpc_connection *conns[CLIENTS];
static struct counter accepted = COUNTER_INIT, ended = COUNTER_INIT;

static const struct test_server_operations ops = { .ping = answer_ping };

static void *on_accept(void *data, struct mrpc_connection *conn, struct sockaddr *from,
		       socklen_t len)
{
	(void)data;
	(void)from;
	(void)len;
	CHECK_EQ(test_server_set_operations(conn, &ops), 0);
	conns[counter_get(&accepted)] = conn;
	counter_add(&accepted, 1);
	return conn;
}

static void on_end(void *data, enum mrpc_disc_reason reason)
{
	(void)data;
	CHECK_EQ(reason, MRPC_DISC_CLOSED);
	counter_add(&ended, 1);
}

int main(void)
{
	struct leaks leaks, listening;
	struct mrpc_conn_set *set;
	char *port = NULL;
	int fds[AT_ONCE], i, k;

	leaks_begin(&leaks);
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_server, NULL), 0);
	REQUIRE_EQ(mrpc_set_accept_func(set, on_accept), 0);
	REQUIRE_EQ(mrpc_set_disconnect_func(set, on_end), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	REQUIRE_EQ(mrpc_listen(set, AF_INET, "127.0.0.1", &port), 0);
	leaks_begin(&listening);

	SECTION("%d clients come and go", CLIENTS);
	for (i = 0; i < CLIENTS; i += AT_ONCE) {
		for (k = 0; k < AT_ONCE; k++)
			fds[k] = peer_connect(port);
		for (k = 0; k < AT_ONCE; k++) {
			peer_send(fds[k], 1, PENDING, nr_test_ping, NULL, 0);
			PEER_EXPECT(fds[k], 1, MINIRPC_OK, nr_test_ping, NULL, 0);
			close(fds[k]);
		}
	}
	COUNTER_WAIT(&ended, CLIENTS);
	SECTION("their descriptors have gone");
	LEAKS_CHECK(&listening);
	SECTION("their handles have not");
	for (i = 0; i < CLIENTS; i++) {
		CHECK_EQ(conn_count(conns[i], MRPC_CONNCTR_RECV_MSGS), 1);
		CHECK_EQ(test_tick(conns[i]), MINIRPC_NETWORK_FAILURE);
		CHECK_EQ(mrpc_conn_close(conns[i]), 0);
	}
	SECTION("they hold the set when all else is dropped");
	mrpc_listen_close(set);
	mrpc_conn_set_unref(set);
	CHECK_EQ(mrpc_set_max_buf_len(set, 1000), 0);
	CHECK_EQ(counter_get(&ended), CLIENTS);
	for (i = 0; i < CLIENTS; i++)
		mrpc_conn_unref(conns[i]);
	free(port);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
