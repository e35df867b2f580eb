/* mrpc_conn_set_operations: arguments; NULL; taking effect for the next request. */
/* PROTO: test.mx */
#define MINIRPC_PROTOCOL
#include "harness.h"

#include <minirpc/protocol.h>
#include "test_client.h"
#include "test_server.h"

/* The same layout, another address: not the set's protocol. */
static struct mrpc_protocol look_alike;

static mrpc_status_t first(void *conn_data, struct mrpc_message *msg, number *out)
{
	(void)conn_data;
	(void)msg;
	*out = 1;
	return MINIRPC_OK;
}

static mrpc_status_t second(void *conn_data, struct mrpc_message *msg, number *out)
{
	(void)conn_data;
	(void)msg;
	*out = 2;
	return MINIRPC_OK;
}

static const struct test_server_operations ops1 = { .get = first };
static const struct test_server_operations ops2 = { .get = second };
static const struct test_server_operations empty = { .get = NULL };

/* What the other side gets; 0 for PROCEDURE_UNAVAIL. */
static int get(struct mrpc_connection *conn)
{
	number *out = NULL;
	mrpc_status_t status = test_get(conn, &out);
	int value = out != NULL ? *out : 0;

	CHECK_EQ(status, value != 0 ? MINIRPC_OK : MINIRPC_PROCEDURE_UNAVAIL);
	free_number(out, 1);
	return value;
}

int main(void)
{
	struct mrpc_connection *conn;
	struct leaks leaks;
	struct pair p;

	leaks_begin(&leaks);
	pair_open(&p, PAIR_SOCKETPAIR, test_client, test_server);
	look_alike = *test_server;

	SECTION("EINVAL: no connection; a protocol that is not the set's");
	CHECK_EQ(mrpc_conn_set_operations(NULL, test_server, &ops1), EINVAL);
	CHECK_EQ(mrpc_conn_set_operations(p.server, NULL, &ops1), EINVAL);
	CHECK_EQ(mrpc_conn_set_operations(p.server, test_client, &ops1), EINVAL);
	CHECK_EQ(mrpc_conn_set_operations(p.server, &look_alike, &ops1), EINVAL);
	CHECK_EQ(test_client_set_operations(p.server, NULL), EINVAL);
	CHECK_EQ(test_server_set_operations(p.client, &ops1), EINVAL);

	SECTION("never set: PROCEDURE_UNAVAIL");
	CHECK_EQ(get(p.client), 0);

	SECTION("set, replaced and taken away at any time");
	CHECK_EQ(test_server_set_operations(p.server, &ops1), 0);
	CHECK_EQ(get(p.client), 1);
	CHECK_EQ(test_server_set_operations(p.server, &ops2), 0);
	CHECK_EQ(get(p.client), 2);
	CHECK_EQ(test_server_set_operations(p.server, &empty), 0);
	CHECK_EQ(get(p.client), 0);
	CHECK_EQ(test_server_set_operations(p.server, &ops1), 0);
	CHECK_EQ(get(p.client), 1);
	CHECK_EQ(test_server_set_operations(p.server, NULL), 0);
	CHECK_EQ(get(p.client), 0);

	SECTION("on a handle not connected yet, and on one closed");
	REQUIRE_EQ(mrpc_conn_create(&conn, p.client_set, NULL), 0);
	CHECK_EQ(test_client_set_operations(conn, NULL), 0);
	mrpc_conn_unref(conn);
	mrpc_conn_ref(p.server);
	conn = p.server;
	pair_close(&p);
	CHECK_EQ(test_server_set_operations(conn, &ops1), 0);
	mrpc_conn_unref(conn);

	SECTION("nothing is left");
	LEAKS_CHECK(&leaks);
	return tap_done();
}
