/* mrpc_send_request_async: its checks in their order; no callback on an error. */
/* PROTO: test.mx */
#define MINIRPC_PROTOCOL
#include "harness.h"

#include <minirpc/protocol.h>
#include "test_client.h"
#include "test_server.h"

static struct mrpc_connection *conn;
static struct counter fired = COUNTER_INIT;
static int fired_status;

static void on_reply(void *conn_data, void *msg_data, mrpc_status_t status, number *reply)
{
	(void)conn_data;
	(void)msg_data;
	CHECK_PTR(reply, NULL);
	fired_status = status;
	counter_add(&fired, 1);
}

static mrpc_status_t send_async(const struct mrpc_protocol *protocol, struct mrpc_connection *to,
			  int cmd, bool with_callback, void *in)
{
	return mrpc_send_request_async(protocol, to, cmd,
				       with_callback ? (reply_callback_fn *)on_reply : NULL,
				       NULL, in);
}

static void check_arguments(void)
{
	operands in = { 1, 2 };
	short_text too_long = "123456789";

	SECTION("1. INVALID_ARGUMENT: no connection, no callback, cmd <= 0");
	CHECK_EQ(send_async(test_client, NULL, nr_test_add, true, &in), MINIRPC_INVALID_ARGUMENT);
	CHECK_EQ(send_async(test_client, conn, nr_test_add, false, &in), MINIRPC_INVALID_ARGUMENT);
	CHECK_EQ(send_async(test_client, conn, 0, true, &in), MINIRPC_INVALID_ARGUMENT);
	CHECK_EQ(send_async(test_client, conn, -1, true, &in), MINIRPC_INVALID_ARGUMENT);
	CHECK_EQ(send_async(test_server, conn, nr_test_add, false, &in), MINIRPC_INVALID_ARGUMENT);

	SECTION("2. INVALID_PROTOCOL: not the set's");
	CHECK_EQ(send_async(test_server, conn, nr_test_add, true, &in), MINIRPC_INVALID_PROTOCOL);
	CHECK_EQ(send_async(test_server, conn, 9999, true, NULL), MINIRPC_INVALID_PROTOCOL);
	CHECK_EQ(send_async(NULL, conn, nr_test_add, true, &in), MINIRPC_INVALID_PROTOCOL);

	SECTION("3. ENCODING_ERR: cmd unknown, no argument, or it does not encode");
	CHECK_EQ(send_async(test_client, conn, 9999, true, &in), MINIRPC_ENCODING_ERR);
	CHECK_EQ(send_async(test_client, conn, nr_test_add, true, NULL), MINIRPC_ENCODING_ERR);
	CHECK_EQ(send_async(test_client, conn, nr_test_label, true, &too_long), MINIRPC_ENCODING_ERR);
}

int main(void)
{
	struct mrpc_conn_set *set;
	struct probe probe;
	struct leaks leaks;
	operands in = { 1, 2 };
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
	CHECK_EQ(send_async(test_client, conn, nr_test_add, true, &in), MINIRPC_INVALID_ARGUMENT);

	tap_note("connected");
	peer = peer_bind(conn);
	check_arguments();
	PEER_QUIET(peer, 20);

	SECTION("OK: the callback fires exactly once, here by the close");
	CHECK_EQ(send_async(test_client, conn, nr_test_add, true, &in), MINIRPC_OK);
	CHECK_EQ(mrpc_conn_close(conn), 0);
	COUNTER_WAIT(&fired, 1);
	CHECK_EQ(fired_status, MINIRPC_NETWORK_FAILURE);

	tap_note("closed");
	check_arguments();
	SECTION("5. NETWORK_FAILURE: closed");
	CHECK_EQ(send_async(test_client, conn, nr_test_add, true, &in), MINIRPC_NETWORK_FAILURE);
	COUNTER_WAIT(&probe.disconnects, 1);
	CHECK_EQ(send_async(test_client, conn, nr_test_add, true, &in), MINIRPC_NETWORK_FAILURE);

	SECTION("on an error the callback has never fired");
	close(peer);
	mrpc_conn_unref(conn);
	mrpc_conn_set_unref(set);
	LEAKS_CHECK(&leaks);
	CHECK_EQ(counter_get(&fired), 1);
	return tap_done();
}
