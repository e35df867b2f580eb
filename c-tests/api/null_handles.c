/* Every function of minirpc.h and protocol.h takes NULL for every pointer. */
/* PROTO: test.mx */
#define MINIRPC_PROTOCOL
#include "harness.h"

#include <minirpc/protocol.h>
#include "test_client.h"
#include "test_server.h"

static void callback(void)
{
}

static void *on_accept(void *set_data, struct mrpc_connection *conn,
		       struct sockaddr *from, socklen_t from_len)
{
	(void)conn;
	(void)from;
	(void)from_len;
	return set_data;
}

int main(void)
{
	struct mrpc_connection *conn = (void *)&conn;
	struct mrpc_conn_set *set;
	char port[] = "1", *service = port;
	uint64_t value;
	void *reply = &value;

	SECTION("before any set exists");
	CHECK_EQ(mrpc_release_event(), EPERM);

	SECTION("functions that return nothing do nothing");
	mrpc_conn_set_ref(NULL);
	mrpc_conn_set_unref(NULL);
	mrpc_conn_ref(NULL);
	mrpc_conn_unref(NULL);
	mrpc_listen_close(NULL);
	mrpc_dispatcher_add(NULL);
	mrpc_dispatcher_remove(NULL);

	SECTION("setup");
	CHECK_EQ(mrpc_set_accept_func(NULL, on_accept), EINVAL);
	CHECK_EQ(mrpc_set_disconnect_func(NULL, NULL), EINVAL);
	CHECK_EQ(mrpc_set_ioerr_func(NULL, NULL), EINVAL);
	CHECK_EQ(mrpc_set_max_buf_len(NULL, 1), EINVAL);
	CHECK_EQ(mrpc_set_listen_backlog(NULL, 1), EINVAL);
	CHECK_EQ(mrpc_set_accept_backoff(NULL, 1), EINVAL);
	CHECK_EQ(mrpc_set_keepalive_enabled(NULL, 1), EINVAL);
	CHECK_EQ(mrpc_set_keepalive_parameters(NULL, 1, 1, 1), EINVAL);

	SECTION("connections");
	CHECK_EQ(mrpc_conn_create(NULL, NULL, NULL), EINVAL);
	CHECK_EQ(mrpc_conn_create(&conn, NULL, NULL), EINVAL);
	CHECK_PTR(conn, NULL);
	CHECK_EQ(mrpc_connect(NULL, AF_INET, NULL, port), EINVAL);
	CHECK_EQ(mrpc_connect(NULL, AF_INET, NULL, NULL), EINVAL);
	CHECK_EQ(mrpc_listen(NULL, AF_INET, NULL, &service), EINVAL);
	CHECK_EQ(mrpc_listen(NULL, AF_INET, NULL, NULL), EINVAL);
	CHECK_PTR(service, port);
	CHECK_EQ(mrpc_bind_fd(NULL, 0), EINVAL);
	CHECK_EQ(mrpc_conn_get_counter(NULL, MRPC_CONNCTR_SEND_BYTES, &value), EINVAL);
	CHECK_EQ(mrpc_conn_get_counter(NULL, MRPC_CONNCTR_SEND_BYTES, NULL), EINVAL);
	CHECK_EQ(mrpc_conn_close(NULL), EINVAL);

	SECTION("events");
	CHECK_EQ(mrpc_start_dispatch_thread(NULL), EINVAL);
	CHECK_EQ(mrpc_dispatch_loop(NULL), EINVAL);
	CHECK_EQ(mrpc_dispatch(NULL, 0), EINVAL);
	CHECK_EQ(mrpc_get_event_fd(NULL), -1);
	CHECK_EQ(mrpc_stop_events(NULL), EINVAL);
	CHECK_EQ(mrpc_start_events(NULL), EINVAL);

	SECTION("protocol.h, no connection or request");
	CHECK_EQ(mrpc_conn_set_operations(NULL, test_client, NULL), EINVAL);
	CHECK_EQ(mrpc_conn_set_operations(NULL, NULL, NULL), EINVAL);
	CHECK_EQ(mrpc_send_request(test_client, NULL, 1, NULL, &reply), MINIRPC_INVALID_ARGUMENT);
	CHECK_PTR(reply, NULL);
	CHECK_EQ(mrpc_send_request(NULL, NULL, 1, NULL, NULL), MINIRPC_INVALID_ARGUMENT);
	CHECK_EQ(mrpc_send_request_async(test_client, NULL, 1, callback, NULL, NULL),
		 MINIRPC_INVALID_ARGUMENT);
	CHECK_EQ(mrpc_send_request_noreply(test_client, NULL, -1, NULL), MINIRPC_INVALID_ARGUMENT);
	CHECK_EQ(mrpc_send_reply(test_client, 1, NULL, NULL), MINIRPC_INVALID_ARGUMENT);
	CHECK_EQ(mrpc_send_reply_error(test_client, 1, NULL, 1), MINIRPC_INVALID_ARGUMENT);

	SECTION("the generated functions, no connection or request");
	CHECK_EQ(test_client_set_operations(NULL, NULL), EINVAL);
	CHECK_EQ(test_server_set_operations(NULL, NULL), EINVAL);
	CHECK_EQ(test_ping(NULL), MINIRPC_INVALID_ARGUMENT);
	CHECK_EQ(test_get(NULL, NULL), MINIRPC_INVALID_ARGUMENT);
	CHECK_EQ(test_get_async(NULL, NULL, NULL), MINIRPC_INVALID_ARGUMENT);
	CHECK_EQ(test_poke(NULL), MINIRPC_INVALID_ARGUMENT);
	CHECK_EQ(test_add_send_async_reply(NULL, NULL), MINIRPC_INVALID_ARGUMENT);
	CHECK_EQ(test_add_send_async_reply_error(NULL, 1), MINIRPC_INVALID_ARGUMENT);

	SECTION("protocol.h, no protocol");
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_client, NULL), 0);
	REQUIRE_EQ(mrpc_conn_create(&conn, set, NULL), 0);
	CHECK_EQ(mrpc_conn_set_operations(conn, NULL, NULL), EINVAL);
	CHECK_EQ(mrpc_send_request(NULL, conn, 1, NULL, NULL), MINIRPC_INVALID_PROTOCOL);
	CHECK_EQ(mrpc_send_request_async(NULL, conn, 1, callback, NULL, NULL),
		 MINIRPC_INVALID_PROTOCOL);
	CHECK_EQ(mrpc_send_request_noreply(NULL, conn, -1, NULL), MINIRPC_INVALID_PROTOCOL);
	mrpc_conn_unref(conn);
	mrpc_conn_set_unref(set);
	return tap_done();
}
