/* mrpc_conn_get_counter: arguments, what is counted, after the disconnect. */
/* PROTO: test.mx */
#include "harness.h"

#include "test_client.h"
#include "test_server.h"

static uint64_t count(struct mrpc_connection *conn, enum mrpc_conn_counter which)
{
	uint64_t value = ~0ULL;

	CHECK_EQ(mrpc_conn_get_counter(conn, which, &value), 0);
	return value;
}

#define CHECK_COUNTERS(conn, send_bytes, recv_bytes, send_msgs, recv_msgs) do { \
	CHECK_EQ(count(conn, MRPC_CONNCTR_SEND_BYTES), send_bytes); \
	CHECK_EQ(count(conn, MRPC_CONNCTR_RECV_BYTES), recv_bytes); \
	CHECK_EQ(count(conn, MRPC_CONNCTR_SEND_MSGS), send_msgs); \
	CHECK_EQ(count(conn, MRPC_CONNCTR_RECV_MSGS), recv_msgs); \
} while (0)

int main(void)
{
	struct mrpc_conn_set *set;
	struct mrpc_connection *conn;
	struct probe probe;
	unsigned char four[4] = { 0, 0, 0, 5 };
	number n = 5;
	uint64_t value = 42;
	struct leaks leaks;
	int peer;

	leaks_begin(&leaks);
	probe_init(&probe);
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_client, NULL), 0);
	probe_watch(set);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	REQUIRE_EQ(mrpc_conn_create(&conn, set, &probe), 0);

	SECTION("all are 0 before the connection");
	CHECK_COUNTERS(conn, 0, 0, 0, 0);
	peer = peer_bind(conn);
	CHECK_COUNTERS(conn, 0, 0, 0, 0);

	SECTION("EINVAL: NULL arguments");
	CHECK_EQ(mrpc_conn_get_counter(NULL, MRPC_CONNCTR_SEND_BYTES, &value), EINVAL);
	CHECK_EQ(mrpc_conn_get_counter(conn, MRPC_CONNCTR_SEND_BYTES, NULL), EINVAL);

	SECTION("EINVAL: no such counter");
	CHECK_EQ(mrpc_conn_get_counter(conn, MRPC_CONNCTR_NR, &value), EINVAL);
	CHECK_EQ(mrpc_conn_get_counter(conn, (enum mrpc_conn_counter)-1, &value), EINVAL);
	CHECK_EQ(mrpc_conn_get_counter(conn, (enum mrpc_conn_counter)1000, &value), EINVAL);
	CHECK_EQ(value, 42);

	SECTION("bytes are those on the wire");
	CHECK_EQ(test_poke(conn), MINIRPC_OK);
	PEER_EXPECT(peer, 0, PENDING, -2, NULL, 0);
	CHECK_COUNTERS(conn, 16, 0, 1, 0);
	CHECK_EQ(test_notify(conn, &n), MINIRPC_OK);
	{
		struct frame f;

		peer_recv(peer, &f);
		free(f.data);
	}
	CHECK_COUNTERS(conn, 36, 0, 2, 0);

	SECTION("what comes in counts, also what nobody handles");
	peer_send(peer, 9, PENDING, -1, four, 4);
	WAIT_FOR(count(conn, MRPC_CONNCTR_RECV_MSGS) == 1);
	CHECK_COUNTERS(conn, 36, 20, 2, 1);
	peer_send(peer, 10, PENDING, 1, NULL, 0);
	PEER_EXPECT(peer, 10, MINIRPC_PROCEDURE_UNAVAIL, 1, NULL, 0);
	CHECK_COUNTERS(conn, 52, 36, 3, 2);

	SECTION("a message that is not sent does not count");
	CHECK_EQ(test_notify(conn, NULL), MINIRPC_ENCODING_ERR);
	CHECK_COUNTERS(conn, 52, 36, 3, 2);

	SECTION("counts survive the disconnect");
	close(peer);
	COUNTER_WAIT(&probe.disconnects, 1);
	CHECK_COUNTERS(conn, 52, 36, 3, 2);
	CHECK_EQ(test_poke(conn), MINIRPC_NETWORK_FAILURE);
	CHECK_COUNTERS(conn, 52, 36, 3, 2);
	CHECK_EQ(mrpc_conn_close(conn), 0);
	CHECK_COUNTERS(conn, 52, 36, 3, 2);

	SECTION("nothing is left");
	mrpc_conn_unref(conn);
	mrpc_conn_set_unref(set);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
