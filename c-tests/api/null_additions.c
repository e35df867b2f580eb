/* Functions that came later than 0.3.3 take NULL for every pointer, too: EINVAL. */
/* PROTO: test.mx */
/* NEEDS: additions */
#define MINIRPC_PROTOCOL
#include "harness.h"

#include <minirpc/protocol.h>
#include <minirpc/transport.h>
#include "test_client.h"

static void on_connect(void *conn_data, void *data, int error)
{
	(void)conn_data;
	(void)data;
	(void)error;
}

static void look(void *data, struct mrpc_connection *conn)
{
	(void)data;
	(void)conn;
}

static void callback(void)
{
}

static void of_sets(void)
{
	struct mrpc_set_stats stats = { .size = sizeof(stats) };

	SECTION("no set");
	CHECK_EQ(mrpc_set_proxy_protocol(NULL, 1), EINVAL);
	CHECK_EQ(mrpc_set_max_loops(NULL, 1), EINVAL);
	CHECK_EQ(mrpc_set_event_limit(NULL, 1, 1), EINVAL);
	CHECK_EQ(mrpc_set_request_limit(NULL, 1), EINVAL);
	CHECK_EQ(mrpc_set_reply_limit(NULL, 1), EINVAL);
	CHECK_EQ(mrpc_set_send_limit(NULL, 1), EINVAL);
	CHECK_EQ(mrpc_set_room_func(NULL, NULL), EINVAL);
	CHECK_EQ(mrpc_set_linger(NULL, 1), EINVAL);
	CHECK_EQ(mrpc_set_max_connections(NULL, 1), EINVAL);
	CHECK_EQ(mrpc_set_idle_timeout(NULL, 1), EINVAL);
	CHECK_EQ(mrpc_set_memory_limit(NULL, 1), EINVAL);
	CHECK_EQ(mrpc_set_connect_timeout(NULL, 1), EINVAL);
	CHECK_EQ(mrpc_set_call_timeout(NULL, 1), EINVAL);
	CHECK_EQ(mrpc_set_latency_enabled(NULL, 1), EINVAL);
	CHECK_EQ(mrpc_set_trace_func(NULL, NULL, NULL), EINVAL);
	CHECK_EQ(mrpc_set_transport(NULL, NULL, NULL), EINVAL);
	CHECK_EQ(mrpc_listen_fd(NULL, 0), EINVAL);
	CHECK_EQ(mrpc_drain(NULL, 1), EINVAL);
	CHECK_EQ(mrpc_get_stats(NULL, &stats), EINVAL);
	CHECK_EQ(mrpc_get_stats(NULL, NULL), EINVAL);
	CHECK_EQ(mrpc_for_each_connection(NULL, look, NULL), EINVAL);
}

static void of_connections(void)
{
	struct mrpc_conn_stats stats = { .size = sizeof(stats) };
	struct sockaddr_storage address;
	struct sockaddr *at = (struct sockaddr *)&address;
	struct mrpc_connection *conn = (void *)&stats;
	socklen_t len = sizeof(address);
	uint64_t id;
	uid_t uid;
	gid_t gid;
	pid_t pid;
	char text[8];

	SECTION("no connection, no request");
	CHECK_EQ(mrpc_connect_async(NULL, AF_INET, NULL, "1", on_connect, NULL), EINVAL);
	CHECK_EQ(mrpc_conn_get_error(NULL, text, sizeof(text)), EINVAL);
	CHECK_EQ(mrpc_conn_get_peer_address(NULL, at, &len), EINVAL);
	CHECK_EQ(mrpc_conn_get_local_address(NULL, at, &len), EINVAL);
	CHECK_EQ(mrpc_conn_get_peer_credentials(NULL, &pid, &uid, &gid), EINVAL);
	CHECK_EQ(mrpc_conn_get_id(NULL, &id), EINVAL);
	CHECK_EQ(mrpc_conn_get_stats(NULL, &stats), EINVAL);
	CHECK_EQ(mrpc_set_conn_call_timeout(NULL, 1), EINVAL);
	CHECK_EQ(mrpc_call_cancel(NULL, 1), EINVAL);
	CHECK_EQ(mrpc_message_get_connection(NULL, &conn), EINVAL);
	CHECK_PTR(conn, NULL);
	CHECK_EQ(mrpc_message_get_connection(NULL, NULL), EINVAL);
	CHECK_EQ(mrpc_message_is_live(NULL), 0);
}

static void places_for_results(void)
{
	struct mrpc_connection *conn;
	struct sockaddr_storage address;
	struct mrpc_conn_set *set;
	socklen_t len = sizeof(address);
	uid_t uid;
	gid_t gid;
	pid_t pid;
	int fds[2];

	SECTION("no place for a result, on a connection that stands");
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_client, NULL), 0);
	REQUIRE_EQ(mrpc_conn_create(&conn, set, NULL), 0);
	REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	REQUIRE_EQ(mrpc_bind_fd(conn, fds[0]), 0);
	CHECK_EQ(mrpc_conn_get_error(conn, NULL, 8), EINVAL);
	CHECK_EQ(mrpc_conn_get_peer_address(conn, NULL, &len), EINVAL);
	CHECK_EQ(mrpc_conn_get_peer_address(conn, (struct sockaddr *)&address, NULL), EINVAL);
	CHECK_EQ(mrpc_conn_get_local_address(conn, NULL, &len), EINVAL);
	CHECK_EQ(mrpc_conn_get_local_address(conn, (struct sockaddr *)&address, NULL), EINVAL);
	CHECK_EQ(mrpc_conn_get_id(conn, NULL), EINVAL);
	CHECK_EQ(mrpc_conn_get_stats(conn, NULL), EINVAL);
	CHECK_EQ(mrpc_get_stats(set, NULL), EINVAL);
	CHECK_EQ(mrpc_for_each_connection(set, NULL, NULL), EINVAL);
	CHECK_EQ(mrpc_conn_get_peer_credentials(conn, NULL, &uid, &gid), EINVAL);
	CHECK_EQ(mrpc_conn_get_peer_credentials(conn, &pid, NULL, &gid), EINVAL);
	CHECK_EQ(mrpc_conn_get_peer_credentials(conn, &pid, &uid, NULL), EINVAL);
	mrpc_conn_unref(conn);
	CHECK_EQ(mrpc_conn_close(conn), 0);
	mrpc_conn_set_unref(set);
	close(fds[1]);
}

static void calls(void)
{
	struct mrpc_call_options o = MRPC_CALL_OPTIONS_INIT;
	void *reply = &o;

	SECTION("calls with options: without a connection, without a protocol");
	CHECK_EQ(mrpc_send_request_with(test_client, NULL, &o, 1, NULL, &reply),
		 MINIRPC_INVALID_ARGUMENT);
	CHECK_PTR(reply, NULL);
	CHECK_EQ(mrpc_send_request_with(NULL, NULL, NULL, 1, NULL, NULL), MINIRPC_INVALID_ARGUMENT);
	CHECK_EQ(mrpc_send_request_async_with(test_client, NULL, &o, 1, callback, NULL, NULL),
		 MINIRPC_INVALID_ARGUMENT);
	CHECK_EQ(mrpc_send_request_async_with(NULL, NULL, NULL, 1, NULL, NULL, NULL),
		 MINIRPC_INVALID_ARGUMENT);
	CHECK_EQ(test_get_with(NULL, NULL, NULL), MINIRPC_INVALID_ARGUMENT);
	CHECK_EQ(test_get_async_with(NULL, NULL, NULL, NULL), MINIRPC_INVALID_ARGUMENT);
}

int main(void)
{
	of_sets();
	of_connections();
	places_for_results();
	calls();
	return tap_done();
}
