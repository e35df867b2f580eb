/* mrpc_send_request: its checks, in their order. */
/* PROTO: test.mx */
#define MINIRPC_PROTOCOL
#include "harness.h"

#include <minirpc/protocol.h>
#include "test_client.h"
#include "test_server.h"

static int marker;
static struct mrpc_connection *conn;

/* The result, *out having been set to NULL whatever it is. */
static mrpc_status_t send_out(const struct mrpc_protocol *protocol,
			      struct mrpc_connection *to, int cmd, void *in)
{
	void *out = &marker;
	mrpc_status_t status = mrpc_send_request(protocol, to, cmd, in, &out);

	CHECK_PTR(out, NULL);
	return status;
}

/* The checks that do not depend on the connection's state. */
static void check_arguments(void)
{
	operands in = { 1, 2 };
	short_text too_long = "123456789";

	SECTION("1. INVALID_ARGUMENT: no connection, cmd <= 0");
	CHECK_EQ(send_out(test_client, NULL, nr_test_add, &in), MINIRPC_INVALID_ARGUMENT);
	CHECK_EQ(send_out(test_client, conn, 0, &in), MINIRPC_INVALID_ARGUMENT);
	CHECK_EQ(send_out(test_client, conn, -1, &in), MINIRPC_INVALID_ARGUMENT);
	CHECK_EQ(send_out(test_server, conn, -1, &in), MINIRPC_INVALID_ARGUMENT);
	CHECK_EQ(send_out(NULL, conn, 0, NULL), MINIRPC_INVALID_ARGUMENT);

	SECTION("2. INVALID_PROTOCOL: not the set's");
	CHECK_EQ(send_out(test_server, conn, nr_test_add, &in), MINIRPC_INVALID_PROTOCOL);
	CHECK_EQ(send_out(test_server, conn, 9999, NULL), MINIRPC_INVALID_PROTOCOL);
	CHECK_EQ(send_out(NULL, conn, nr_test_add, &in), MINIRPC_INVALID_PROTOCOL);

	SECTION("3. ENCODING_ERR: cmd unknown, no argument, or it does not encode");
	CHECK_EQ(send_out(test_client, conn, 9999, &in), MINIRPC_ENCODING_ERR);
	CHECK_EQ(send_out(test_client, conn, nr_test_add, NULL), MINIRPC_ENCODING_ERR);
	CHECK_EQ(send_out(test_client, conn, nr_test_label, &too_long), MINIRPC_ENCODING_ERR);
	CHECK_EQ(mrpc_send_request(test_client, conn, nr_test_add, NULL, NULL),
		 MINIRPC_ENCODING_ERR);
}

int main(void)
{
	struct mrpc_conn_set *set;
	struct probe probe;
	struct leaks leaks;
	operands in = { 1, 2 };
	uint64_t sent = 1;
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
	CHECK_EQ(send_out(test_client, conn, nr_test_add, &in), MINIRPC_INVALID_ARGUMENT);
	CHECK_EQ(send_out(test_client, conn, nr_test_ping, NULL), MINIRPC_INVALID_ARGUMENT);

	tap_note("connected");
	peer = peer_bind(conn);
	check_arguments();
	CHECK_EQ(mrpc_conn_get_counter(conn, MRPC_CONNCTR_SEND_MSGS, &sent), 0);
	CHECK_EQ(sent, 0);
	PEER_QUIET(peer, 20);

	tap_note("closed by us");
	CHECK_EQ(mrpc_conn_close(conn), 0);
	check_arguments();
	SECTION("5. NETWORK_FAILURE: closed");
	CHECK_EQ(send_out(test_client, conn, nr_test_add, &in), MINIRPC_NETWORK_FAILURE);
	COUNTER_WAIT(&probe.disconnects, 1);
	CHECK_EQ(send_out(test_client, conn, nr_test_add, &in), MINIRPC_NETWORK_FAILURE);
	close(peer);
	mrpc_conn_unref(conn);

	SECTION("5. NETWORK_FAILURE: closed by the peer");
	probe_init(&probe);
	REQUIRE_EQ(mrpc_conn_create(&conn, set, &probe), 0);
	close(peer_bind(conn));
	CHECK_EQ(send_out(test_client, conn, nr_test_add, &in), MINIRPC_NETWORK_FAILURE);
	COUNTER_WAIT(&probe.disconnects, 1);
	CHECK_EQ(send_out(test_client, conn, nr_test_ping, NULL), MINIRPC_NETWORK_FAILURE);
	check_arguments();
	mrpc_conn_unref(conn);

	SECTION("nothing is left");
	mrpc_conn_set_unref(set);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
