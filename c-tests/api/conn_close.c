/* mrpc_conn_close: what it returns, for every state of a connection. */
/* PROTO: test.mx */
#include "harness.h"

#include <sys/socket.h>
#include "test_client.h"
#include "test_server.h"

static struct mrpc_conn_set *set;

static struct mrpc_connection *fresh(struct probe *probe)
{
	struct mrpc_connection *conn;

	probe_init(probe);
	REQUIRE_EQ(mrpc_conn_create(&conn, set, probe), 0);
	return conn;
}

int main(void)
{
	struct mrpc_connection *conn;
	struct probe probe;
	struct leaks leaks;
	int peer;

	leaks_begin(&leaks);
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_client, NULL), 0);
	probe_watch(set);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);

	SECTION("ENOTCONN: never connected, however often");
	conn = fresh(&probe);
	CHECK_EQ(mrpc_conn_close(conn), ENOTCONN);
	CHECK_EQ(mrpc_conn_close(conn), ENOTCONN);

	SECTION("0 the first time, EALREADY from then on");
	peer = peer_bind(conn);
	CHECK_EQ(mrpc_conn_close(conn), 0);
	CHECK_EQ(mrpc_conn_close(conn), EALREADY);
	PEER_EOF(peer);
	COUNTER_WAIT(&probe.disconnects, 1);
	CHECK_EQ(probe.reason, MRPC_DISC_USER);
	CHECK_EQ(mrpc_conn_close(conn), EALREADY);
	close(peer);
	mrpc_conn_unref(conn);

	SECTION("0 also when the peer had already gone, then EALREADY");
	conn = fresh(&probe);
	peer = peer_bind(conn);
	close(peer);
	COUNTER_WAIT(&probe.disconnects, 1);
	CHECK_EQ(probe.reason, MRPC_DISC_CLOSED);
	CHECK_EQ(mrpc_conn_close(conn), 0);
	CHECK_EQ(mrpc_conn_close(conn), EALREADY);
	CHECK_EQ(counter_get(&probe.disconnects), 1);
	mrpc_conn_unref(conn);

	SECTION("messages already queued are sent first");
	conn = fresh(&probe);
	peer = peer_bind(conn);
	{
		enum { LEN = 1 << 20 };
		blob b = { LEN, calloc(1, LEN) };
		struct frame f;

		for (int i = 0; i < 4; i++)
			CHECK_EQ(test_push(conn, &b), MINIRPC_OK);
		CHECK_EQ(mrpc_conn_close(conn), 0);
		CHECK_EQ(test_poke(conn), MINIRPC_NETWORK_FAILURE);
		for (int i = 0; i < 4; i++) {
			peer_recv(peer, &f);
			CHECK_EQ(f.cmd, -3);
			CHECK_EQ(f.len, LEN + 4);
			free(f.data);
		}
		PEER_EOF(peer);
		free(b.blob_val);
	}
	COUNTER_WAIT(&probe.disconnects, 1);
	close(peer);
	mrpc_conn_unref(conn);

	SECTION("nothing is left, and no disconnect came twice");
	mrpc_conn_set_unref(set);
	LEAKS_CHECK(&leaks);
	CHECK_EQ(counter_get(&probe.disconnects), 1);
	return tap_done();
}
