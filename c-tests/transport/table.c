/* PROTO: test.mx */
/* NEEDS: additions */
/* What mrpc_set_transport takes, whom the functions are called for, and sessions. */
#include "xor.h"

#include "test_client.h"
#include "test_server.h"

static struct mrpc_conn_set *set;

static int with(struct mrpc_transport table)
{
	return mrpc_set_transport(set, &table, NULL);
}

int main(void)
{
	struct mrpc_transport table = xor_transport;
	struct { struct mrpc_transport known; void *later; } longer = { xor_transport, NULL };
	struct mrpc_connection *conn;
	struct pair pair;
	void *session;
	int code = ENXIO;

	REQUIRE_EQ(mrpc_conn_set_create(&set, test_client, NULL), 0);

	SECTION("arguments");
	CHECK_EQ(mrpc_set_transport(NULL, &xor_transport, NULL), EINVAL);
	CHECK_EQ(mrpc_set_transport(set, NULL, NULL), 0);
	table.size--;
	CHECK_EQ(with(table), EINVAL);
	longer.known.size = sizeof(longer);
	CHECK_EQ(mrpc_set_transport(set, &longer.known, NULL), 0);
	longer.later = &longer;
	CHECK_EQ(mrpc_set_transport(set, &longer.known, NULL), EINVAL);
#define WITHOUT(function) do { \
		table = xor_transport; \
		table.function = NULL; \
		CHECK_EQ(with(table), EINVAL); \
	} while (0)
	WITHOUT(attach);
	WITHOUT(detach);
	WITHOUT(open);
	WITHOUT(free);
	WITHOUT(receive);
	WITHOUT(send);
	WITHOUT(end);
	WITHOUT(get_error);

	SECTION("what attach returns is returned, and all stays as it was");
	CHECK_EQ(mrpc_set_transport(set, &xor_transport, &code), ENXIO);
	CHECK_EQ(xor_world.attached, 1);
	CHECK_EQ(xor_world.detached, 0);

	SECTION("what is replaced is let go of");
	CHECK_EQ(mrpc_set_transport(set, &xor_transport, NULL), 0);
	CHECK_EQ(xor_world.attached, 2);
	CHECK_EQ(xor_world.detached, 1);
	CHECK_EQ(mrpc_set_transport(set, NULL, NULL), 0);
	CHECK_EQ(xor_world.detached, 2);
	CHECK_EQ(mrpc_set_transport(set, &xor_transport, NULL), 0);

	SECTION("a handle without a connection has no session");
	REQUIRE_EQ(mrpc_conn_create(&conn, set, NULL), 0);
	CHECK_EQ(mrpc_conn_get_session(NULL, &xor_transport, &session), EINVAL);
	CHECK_EQ(mrpc_conn_get_session(conn, NULL, &session), EINVAL);
	CHECK_EQ(mrpc_conn_get_session(conn, &xor_transport, NULL), EINVAL);
	CHECK_EQ(mrpc_conn_get_session(conn, &xor_transport, &session), ENOTCONN);
	mrpc_conn_unref(conn);
	mrpc_conn_set_unref(set);
	WAIT_FOR(xor_world.detached == 3);

	SECTION("connections go on with what they began with, and keep it");
	pair_open(&pair, PAIR_TCP, test_client, test_server);
	CHECK_STR(xor_world.host, "127.0.0.1");
	CHECK_EQ(xor_world.bound, 0);
	CHECK_EQ(mrpc_conn_get_session(pair.client, &xor_transport, &session), 0);
	CHECK_EQ(((struct xor_session *)session)->server, 0);
	CHECK_EQ(mrpc_conn_get_session(pair.server, &xor_transport, &session), 0);
	CHECK_EQ(((struct xor_session *)session)->server, 1);
	CHECK_EQ(mrpc_conn_get_session(pair.client, &table, &session), ENOENT);
	CHECK_EQ(mrpc_set_transport(pair.client_set, NULL, NULL), 0);
	CHECK_EQ(xor_world.detached, 3);
	CHECK_EQ(test_ping(pair.client), MINIRPC_PROCEDURE_UNAVAIL);
	pair_close(&pair);
	WAIT_FOR(xor_world.freed == xor_world.opened);
	WAIT_FOR(xor_world.detached == 5);

	SECTION("plain connections have none");
	pair_transport = NULL;
	pair_open(&pair, PAIR_SOCKETPAIR, test_client, test_server);
	CHECK_EQ(mrpc_conn_get_session(pair.client, &xor_transport, &session), ENOENT);
	pair_close(&pair);
	return tap_done();
}
