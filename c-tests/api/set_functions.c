/* mrpc_set_accept_func, mrpc_set_disconnect_func, mrpc_set_ioerr_func. */
/* PROTO: test.mx */
#include "harness.h"

#include "test_client.h"
#include "test_server.h"

/* They are function types: handlers can be declared with them. */
static mrpc_accept_fn on_accept;
static mrpc_disconnect_fn on_disconnect;
static mrpc_ioerr_fn on_ioerr;

static void *on_accept(void *set_data, struct mrpc_connection *conn,
		       struct sockaddr *from, socklen_t from_len)
{
	(void)conn;
	(void)from;
	(void)from_len;
	return set_data;
}

static void on_disconnect(void *conn_data, enum mrpc_disc_reason reason)
{
	(void)conn_data;
	(void)reason;
}

static void on_ioerr(void *conn_data, char *message)
{
	(void)conn_data;
	(void)message;
}

int main(void)
{
	struct mrpc_conn_set *client, *server;

	REQUIRE_EQ(mrpc_conn_set_create(&client, test_client, NULL), 0);
	REQUIRE_EQ(mrpc_conn_set_create(&server, test_server, NULL), 0);

	SECTION("accept: EINVAL for a client-role set");
	CHECK_EQ(mrpc_set_accept_func(client, on_accept), EINVAL);
	CHECK_EQ(mrpc_set_accept_func(client, NULL), EINVAL);

	SECTION("accept: EINVAL for a NULL function");
	CHECK_EQ(mrpc_set_accept_func(server, NULL), EINVAL);

	SECTION("accept: may be set, and set again");
	CHECK_EQ(mrpc_set_accept_func(server, on_accept), 0);
	CHECK_EQ(mrpc_set_accept_func(server, on_accept), 0);

	SECTION("disconnect: either role, NULL for none");
	CHECK_EQ(mrpc_set_disconnect_func(client, on_disconnect), 0);
	CHECK_EQ(mrpc_set_disconnect_func(client, NULL), 0);
	CHECK_EQ(mrpc_set_disconnect_func(server, on_disconnect), 0);
	CHECK_EQ(mrpc_set_disconnect_func(server, NULL), 0);

	SECTION("ioerr: either role, NULL for none");
	CHECK_EQ(mrpc_set_ioerr_func(client, on_ioerr), 0);
	CHECK_EQ(mrpc_set_ioerr_func(client, NULL), 0);
	CHECK_EQ(mrpc_set_ioerr_func(server, on_ioerr), 0);
	CHECK_EQ(mrpc_set_ioerr_func(server, NULL), 0);

	SECTION("EINVAL for a NULL set");
	CHECK_EQ(mrpc_set_accept_func(NULL, on_accept), EINVAL);
	CHECK_EQ(mrpc_set_disconnect_func(NULL, on_disconnect), EINVAL);
	CHECK_EQ(mrpc_set_ioerr_func(NULL, on_ioerr), EINVAL);
	mrpc_conn_set_unref(client);
	mrpc_conn_set_unref(server);
	return tap_done();
}
