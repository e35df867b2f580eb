/* mrpc_send_request_noreply: its checks, in their order. */
/* PROTO: test.mx */
#define MINIRPC_PROTOCOL
#include "harness.h"

#include <minirpc/protocol.h>
#include "test_client.h"
#include "test_server.h"

static struct mrpc_connection *conn;

static void check_arguments(void)
{
	number in = 1;
	short_text too_long = "123456789";

	SECTION("1. INVALID_ARGUMENT: no connection, cmd >= 0");
	CHECK_EQ(mrpc_send_request_noreply(test_client, NULL, nr_test_notify, &in),
		 MINIRPC_INVALID_ARGUMENT);
	CHECK_EQ(mrpc_send_request_noreply(test_client, conn, 0, &in), MINIRPC_INVALID_ARGUMENT);
	CHECK_EQ(mrpc_send_request_noreply(test_client, conn, nr_test_put, &in),
		 MINIRPC_INVALID_ARGUMENT);
	CHECK_EQ(mrpc_send_request_noreply(test_server, conn, nr_test_put, &in),
		 MINIRPC_INVALID_ARGUMENT);

	SECTION("2. INVALID_PROTOCOL: not the set's");
	CHECK_EQ(mrpc_send_request_noreply(test_server, conn, nr_test_notify, &in),
		 MINIRPC_INVALID_PROTOCOL);
	CHECK_EQ(mrpc_send_request_noreply(test_server, conn, -9999, NULL),
		 MINIRPC_INVALID_PROTOCOL);
	CHECK_EQ(mrpc_send_request_noreply(NULL, conn, nr_test_notify, &in),
		 MINIRPC_INVALID_PROTOCOL);

	SECTION("3. ENCODING_ERR: cmd unknown, no argument, or it does not encode");
	CHECK_EQ(mrpc_send_request_noreply(test_client, conn, -9999, &in), MINIRPC_ENCODING_ERR);
	CHECK_EQ(mrpc_send_request_noreply(test_client, conn, nr_test_notify, NULL),
		 MINIRPC_ENCODING_ERR);
	CHECK_EQ(mrpc_send_request_noreply(test_client, conn, nr_test_tag, &too_long),
		 MINIRPC_ENCODING_ERR);
}

int main(void)
{
	struct mrpc_conn_set *set;
	struct probe probe;
	struct leaks leaks;
	unsigned char five[4] = { 0, 0, 0, 5 };
	number in = 5;
	int peer;

	leaks_begin(&leaks);
	probe_init(&probe);
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_client, NULL), 0);
	probe_watch(set);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	REQUIRE_EQ(mrpc_conn_create(&conn, set, &probe), 0);

	tap_note("a handle never connected");
	check_arguments();
	SECTION("4. INVALID_ARGUMENT: never connected");
	CHECK_EQ(mrpc_send_request_noreply(test_client, conn, nr_test_notify, &in),
		 MINIRPC_INVALID_ARGUMENT);

	tap_note("connected");
	peer = peer_bind(conn);
	check_arguments();
	PEER_QUIET(peer, 20);

	SECTION("OK: it is sent, and nobody waits");
	CHECK_EQ(mrpc_send_request_noreply(test_client, conn, nr_test_notify, &in), MINIRPC_OK);
	{
		struct frame f;

		peer_recv(peer, &f);
		CHECK_EQ(f.status, PENDING);
		CHECK_EQ(f.cmd, nr_test_notify);
		CHECK_EQ(f.len, 4);
		CHECK_MEM(f.data, five, 4);
		free(f.data);
	}

	tap_note("closed");
	CHECK_EQ(mrpc_conn_close(conn), 0);
	check_arguments();
	SECTION("5. NETWORK_FAILURE: closed");
	CHECK_EQ(mrpc_send_request_noreply(test_client, conn, nr_test_notify, &in),
		 MINIRPC_NETWORK_FAILURE);
	COUNTER_WAIT(&probe.disconnects, 1);
	CHECK_EQ(mrpc_send_request_noreply(test_client, conn, nr_test_notify, &in),
		 MINIRPC_NETWORK_FAILURE);

	SECTION("nothing is left");
	close(peer);
	mrpc_conn_unref(conn);
	mrpc_conn_set_unref(set);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
