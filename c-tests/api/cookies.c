/* Cookies: what callbacks get, for sets and connections with and without one. */
/* PROTO: test.mx */
#include "harness.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include "test_client.h"
#include "test_server.h"

static void *accept_returns;
static void *seen_set, *seen_conn, *seen_ioerr, *seen_handler;
static struct mrpc_connection *accepted;
static struct sockaddr_in seen_from;
static socklen_t seen_from_len;
static struct counter accepts = COUNTER_INIT, errors = COUNTER_INIT,
	ends = COUNTER_INIT, pings = COUNTER_INIT;

static mrpc_status_t on_ping(void *conn_data, struct mrpc_message *msg)
{
	(void)msg;
	seen_handler = conn_data;
	counter_add(&pings, 1);
	return MINIRPC_OK;
}

static const struct test_server_operations ops = { .ping = on_ping };

static void *on_accept(void *set_data, struct mrpc_connection *conn,
		       struct sockaddr *from, socklen_t from_len)
{
	seen_set = set_data;
	accepted = conn;
	seen_from_len = from_len;
	memcpy(&seen_from, from, sizeof(seen_from));
	test_server_set_operations(conn, &ops);
	counter_add(&accepts, 1);
	return accept_returns;
}

static void on_ioerr(void *conn_data, char *message)
{
	CHECK(message != NULL && message[0] != '\0');
	seen_ioerr = conn_data;
	counter_add(&errors, 1);
}

static void on_disconnect(void *conn_data, enum mrpc_disc_reason reason)
{
	(void)reason;
	seen_conn = conn_data;
	counter_add(&ends, 1);
}

/* A set with a listener; one raw connection, through all kinds of events. */
static void round_trip(void *set_data, void *from_accept)
{
	struct mrpc_conn_set *set;
	struct sockaddr_in local;
	socklen_t len = sizeof(local);
	char *port = NULL;
	long n = counter_get(&ends);
	int peer;

	REQUIRE_EQ(mrpc_conn_set_create(&set, test_server, set_data), 0);
	REQUIRE_EQ(mrpc_set_accept_func(set, on_accept), 0);
	REQUIRE_EQ(mrpc_set_ioerr_func(set, on_ioerr), 0);
	REQUIRE_EQ(mrpc_set_disconnect_func(set, on_disconnect), 0);
	REQUIRE_EQ(mrpc_listen(set, AF_INET, "127.0.0.1", &port), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	accept_returns = from_accept;
	peer = peer_connect(port);
	COUNTER_WAIT(&accepts, n + 1);
	CHECK_PTR(seen_set, set_data != NULL ? set_data : set);

	CHECK_EQ(seen_from_len, sizeof(struct sockaddr_in));
	REQUIRE_EQ(getsockname(peer, (struct sockaddr *)&local, &len), 0);
	CHECK_EQ(seen_from.sin_family, AF_INET);
	CHECK_EQ(seen_from.sin_port, local.sin_port);
	CHECK_EQ(seen_from.sin_addr.s_addr, local.sin_addr.s_addr);

	peer_send(peer, 0, PENDING, 1, NULL, 0);
	PEER_EXPECT(peer, 0, MINIRPC_OK, 1, NULL, 0);
	CHECK_PTR(seen_handler, from_accept);
	peer_send(peer, 1, MINIRPC_OK, 1, NULL, 0);     /* answers nothing */
	COUNTER_WAIT(&errors, n + 1);
	CHECK_PTR(seen_ioerr, from_accept);
	close(peer);
	COUNTER_WAIT(&ends, n + 1);
	CHECK_PTR(seen_conn, from_accept);
	mrpc_conn_unref(accepted);
	mrpc_listen_close(set);
	mrpc_conn_set_unref(set);
	free(port);
}

int main(void)
{
	static int set_data, conn_data;
	struct mrpc_conn_set *set;
	struct mrpc_connection *conn;
	struct leaks leaks;

	leaks_begin(&leaks);

	SECTION("the cookies that were given");
	round_trip(&set_data, &conn_data);

	SECTION("no set cookie: the set's handle");
	round_trip(NULL, &conn_data);

	SECTION("accept returns NULL: NULL is the connection's cookie");
	round_trip(&set_data, NULL);

	REQUIRE_EQ(mrpc_conn_set_create(&set, test_client, NULL), 0);
	REQUIRE_EQ(mrpc_set_disconnect_func(set, on_disconnect), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);

	SECTION("mrpc_conn_create: the cookie given");
	REQUIRE_EQ(mrpc_conn_create(&conn, set, &conn_data), 0);
	close(peer_bind(conn));
	COUNTER_WAIT(&ends, 4);
	CHECK_PTR(seen_conn, &conn_data);
	mrpc_conn_unref(conn);

	SECTION("mrpc_conn_create: none, so the connection's handle");
	REQUIRE_EQ(mrpc_conn_create(&conn, set, NULL), 0);
	close(peer_bind(conn));
	COUNTER_WAIT(&ends, 5);
	CHECK_PTR(seen_conn, conn);
	mrpc_conn_unref(conn);

	SECTION("nothing is left");
	mrpc_conn_set_unref(set);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
