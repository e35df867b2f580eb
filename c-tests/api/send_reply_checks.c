/*
 * mrpc_send_reply and mrpc_send_reply_error: their checks in their order. On an
 * error the request is still the application's; on OK it is consumed.
 */
/* PROTO: test.mx */
#define MINIRPC_PROTOCOL
#include "harness.h"

#include <minirpc/protocol.h>
#include "keep.h"
#include "test_client.h"

static mrpc_status_t keep_name(void *conn_data, struct mrpc_message *msg, number *in,
			       short_text *out)
{
	(void)conn_data;
	(void)in;
	(void)out;
	return keep(msg);
}

static const struct test_server_operations ops = { .later = keep_later, .name = keep_name };

static struct mrpc_message *receive(int peer, uint32_t seq, int cmd)
{
	static const unsigned char one[4] = { 0, 0, 0, 1 };
	long before = counter_get(&keeps);

	peer_send(peer, seq, PENDING, cmd, one, 4);
	REQUIRE(COUNTER_WAIT(&keeps, before + 1));
	return kept[before];
}

int main(void)
{
	static const unsigned char two[4] = { 0, 0, 0, 2 };
	struct mrpc_conn_set *set;
	struct mrpc_connection *conn;
	struct probe probe;
	struct leaks leaks;
	number value = 2;
	short_text good = "12345678", too_long = "123456789";
	struct mrpc_message *msg;
	int peer;

	leaks_begin(&leaks);
	probe_init(&probe);
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_server, NULL), 0);
	probe_watch(set);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	REQUIRE_EQ(mrpc_conn_create(&conn, set, &probe), 0);
	peer = peer_bind(conn);
	REQUIRE_EQ(test_server_set_operations(conn, &ops), 0);

	msg = receive(peer, 100, nr_test_later);
	SECTION("reply: 1. INVALID_ARGUMENT: no request, another cmd");
	CHECK_EQ(mrpc_send_reply(test_server, nr_test_later, NULL, &value),
		 MINIRPC_INVALID_ARGUMENT);
	CHECK_EQ(mrpc_send_reply(test_server, nr_test_add, msg, &value),
		 MINIRPC_INVALID_ARGUMENT);
	CHECK_EQ(mrpc_send_reply(test_server, 0, msg, &value), MINIRPC_INVALID_ARGUMENT);
	CHECK_EQ(mrpc_send_reply(test_server, 9999, msg, &value), MINIRPC_INVALID_ARGUMENT);
	CHECK_EQ(mrpc_send_reply(test_client, nr_test_add, msg, &value),
		 MINIRPC_INVALID_ARGUMENT);

	SECTION("reply: 2. INVALID_PROTOCOL");
	CHECK_EQ(mrpc_send_reply(test_client, nr_test_later, msg, &value),
		 MINIRPC_INVALID_PROTOCOL);
	CHECK_EQ(mrpc_send_reply(NULL, nr_test_later, msg, &value), MINIRPC_INVALID_PROTOCOL);
	CHECK_EQ(mrpc_send_reply(test_client, nr_test_later, msg, NULL),
		 MINIRPC_INVALID_PROTOCOL);

	SECTION("reply: 3. ENCODING_ERR: no data");
	CHECK_EQ(mrpc_send_reply(test_server, nr_test_later, msg, NULL), MINIRPC_ENCODING_ERR);

	SECTION("the request has outlived all that");
	PEER_QUIET(peer, 20);
	CHECK_EQ(mrpc_send_reply(test_server, nr_test_later, msg, &value), MINIRPC_OK);
	PEER_EXPECT(peer, 100, MINIRPC_OK, nr_test_later, two, 4);

	SECTION("a second reply finds no request, and sends nothing");
	CHECK(mrpc_send_reply(test_server, nr_test_later, msg, &value) != MINIRPC_OK);
	CHECK(mrpc_send_reply_error(test_server, nr_test_later, msg, 5) != MINIRPC_OK);
	PEER_QUIET(peer, 20);

	SECTION("reply: 3. ENCODING_ERR: data that does not encode, then data that does");
	msg = receive(peer, 101, nr_test_name);
	CHECK_EQ(mrpc_send_reply(test_server, nr_test_name, msg, &too_long),
		 MINIRPC_ENCODING_ERR);
	PEER_QUIET(peer, 20);
	CHECK_EQ(mrpc_send_reply(test_server, nr_test_name, msg, &good), MINIRPC_OK);
	PEER_EXPECT(peer, 101, MINIRPC_OK, nr_test_name, "\0\0\0\x08" "12345678", 12);

	SECTION("error: 1. INVALID_ARGUMENT: no request, another cmd, status OK or PENDING");
	msg = receive(peer, 102, nr_test_later);
	CHECK_EQ(mrpc_send_reply_error(test_server, nr_test_later, NULL, 5),
		 MINIRPC_INVALID_ARGUMENT);
	CHECK_EQ(mrpc_send_reply_error(test_server, nr_test_add, msg, 5),
		 MINIRPC_INVALID_ARGUMENT);
	CHECK_EQ(mrpc_send_reply_error(test_server, 9999, msg, 5), MINIRPC_INVALID_ARGUMENT);
	CHECK_EQ(mrpc_send_reply_error(test_server, nr_test_later, msg, MINIRPC_OK),
		 MINIRPC_INVALID_ARGUMENT);
	CHECK_EQ(mrpc_send_reply_error(test_server, nr_test_later, msg, MINIRPC_PENDING),
		 MINIRPC_INVALID_ARGUMENT);

	SECTION("error: 2. INVALID_PROTOCOL");
	CHECK_EQ(mrpc_send_reply_error(test_client, nr_test_later, msg, 5),
		 MINIRPC_INVALID_PROTOCOL);
	CHECK_EQ(mrpc_send_reply_error(NULL, nr_test_later, msg, 5), MINIRPC_INVALID_PROTOCOL);

	SECTION("the request has outlived all that too");
	PEER_QUIET(peer, 20);
	CHECK_EQ(mrpc_send_reply_error(test_server, nr_test_later, msg, 5), MINIRPC_OK);
	PEER_EXPECT(peer, 102, 5, nr_test_later, NULL, 0);

	SECTION("NETWORK_FAILURE: closing; the request is nobody's any more");
	msg = receive(peer, 103, nr_test_later);
	CHECK_EQ(mrpc_conn_close(conn), 0);
	CHECK_EQ(mrpc_send_reply(test_server, nr_test_later, msg, &value),
		 MINIRPC_NETWORK_FAILURE);
	CHECK_EQ(mrpc_send_reply_error(test_server, nr_test_later, msg, 5),
		 MINIRPC_NETWORK_FAILURE);
	PEER_EOF(peer);
	COUNTER_WAIT(&probe.disconnects, 1);
	CHECK_EQ(mrpc_send_reply(test_server, nr_test_later, msg, &value),
		 MINIRPC_NETWORK_FAILURE);

	SECTION("nothing is left");
	close(peer);
	mrpc_conn_unref(conn);
	mrpc_conn_set_unref(set);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
