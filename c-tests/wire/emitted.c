/* The exact bytes of every kind of message that the library emits, both roles. */
/* PROTO: test.mx */
#include "wire.h"
#include "keep.h"

static mrpc_status_t fail(void *conn_data, struct mrpc_message *msg, number *in, number *out)
{
	(void)conn_data;
	(void)msg;
	*out = 7;
	return *in;
}

static const struct test_server_operations server_ops = { .later = keep_later, .relay = fail };
static const struct test_client_operations client_ops = {
	.client_later = keep_later, .client_relay = fail
};

/* Compares all 16 header bytes and the payload. */
static void expect_bytes(struct wire *w, const char *bytes, size_t len)
{
	unsigned char got[64];

	REQUIRE(len <= sizeof(got));
	if (CHECK(peer_read(w->peer, got, len)))
		CHECK_MEM(got, bytes, len);
}
#define EXPECT_BYTES(w, literal) expect_bytes((w), (literal), sizeof(literal) - 1)

static void requests(struct wire *w)
{
	blob five = { 5, "abcde" };

	SECTION("%s: requests, from sequence 0 upward", wire_role_name(w->role));
	CHECK_EQ(wire_call_ping(w), MINIRPC_OK);
	EXPECT_BYTES(w, "\0\0\0\0" "\xff\xff\xff\xff" "\0\0\0\1" "\0\0\0\0");
	CHECK_EQ(wire_call_add(w, 0x01020304, -2), MINIRPC_OK);
	EXPECT_BYTES(w, "\0\0\0\1" "\xff\xff\xff\xff" "\0\0\0\2" "\0\0\0\x08"
		     "\1\2\3\4" "\xff\xff\xff\xfe");

	SECTION("%s: opaque data is padded to four bytes, and the length counts it",
		wire_role_name(w->role));
	if (w->role == AS_SERVER)
		CHECK_EQ(test_flood(w->conn, &five), MINIRPC_OK);
	else
		CHECK_EQ(test_push(w->conn, &five), MINIRPC_OK);
	{
		unsigned char header[HEADER_LEN];

		REQUIRE(peer_read(w->peer, header, sizeof(header)));
		CHECK_EQ((int32_t)get_u32(header + 4), PENDING);
		CHECK_EQ((int32_t)get_u32(header + 8), MSG_PUSH);
		CHECK_EQ(get_u32(header + 12), 12);
	}
	EXPECT_BYTES(w, "\0\0\0\5" "abcde\0\0\0");

	SECTION("%s: a one-way message without argument", wire_role_name(w->role));
	CHECK_EQ(w->role == AS_SERVER ? test_tick(w->conn) : test_poke(w->conn), MINIRPC_OK);
	{
		unsigned char header[HEADER_LEN];

		REQUIRE(peer_read(w->peer, header, sizeof(header)));
		CHECK_MEM(header + 4, "\xff\xff\xff\xff" "\xff\xff\xff\xfe" "\0\0\0\0", 12);
	}
}

static void replies(struct wire *w)
{
	int later = w->role == AS_SERVER ? nr_test_later : nr_test_client_later;
	int relay = w->role == AS_SERVER ? nr_test_relay : nr_test_client_relay;
	unsigned char expected[20];
	number result = 0x11223344;

	SECTION("%s: replies carry the request's sequence and cmd", wire_role_name(w->role));
	peer_send(w->peer, 0xfffffffe, PENDING, CMD_PING, NULL, 0);
	EXPECT_BYTES(w, "\xff\xff\xff\xfe" "\0\0\0\0" "\0\0\0\1" "\0\0\0\0");
	peer_send(w->peer, 0x80000000, PENDING, CMD_ADD, "\0\0\0\2\0\0\0\3", 8);
	EXPECT_BYTES(w, "\x80\0\0\0" "\0\0\0\0" "\0\0\0\2" "\0\0\0\4" "\0\0\0\5");

	SECTION("%s: a reply made later", wire_role_name(w->role));
	if (w->role == AS_SERVER)
		REQUIRE_EQ(test_server_set_operations(w->conn, &server_ops), 0);
	else
		REQUIRE_EQ(test_client_set_operations(w->conn, &client_ops), 0);
	peer_send(w->peer, 9, PENDING, later, "\0\0\0\1", 4);
	COUNTER_WAIT(&keeps, 1);
	CHECK_EQ(w->role == AS_SERVER ? answer_kept(0, result)
		 : test_client_later_send_async_reply(kept[0], &result), MINIRPC_OK);
	peer_header(expected, 9, 0, later, 4);
	put_u32(expected + 16, 0x11223344);
	expect_bytes(w, (char *)expected, 20);

	SECTION("%s: an error reply made later has no payload", wire_role_name(w->role));
	peer_send(w->peer, 10, PENDING, later, "\0\0\0\1", 4);
	COUNTER_WAIT(&keeps, 2);
	CHECK_EQ(w->role == AS_SERVER ? test_later_send_async_reply_error(kept[1], 1000)
		 : test_client_later_send_async_reply_error(kept[1], 1000), MINIRPC_OK);
	peer_header(expected, 10, 1000, later, 0);
	expect_bytes(w, (char *)expected, 16);

	SECTION("%s: a handler's status, positive or negative, without payload",
		wire_role_name(w->role));
	peer_send(w->peer, 11, PENDING, relay, "\0\0\0\x63", 4);
	peer_header(expected, 11, 0x63, relay, 0);
	expect_bytes(w, (char *)expected, 16);
	peer_send(w->peer, 12, PENDING, relay, "\xff\xff\xff\x9c", 4);
	peer_header(expected, 12, -100, relay, 0);
	expect_bytes(w, (char *)expected, 16);

	SECTION("%s: the library's own errors have no payload", wire_role_name(w->role));
	peer_send(w->peer, 13, PENDING, CMD_UNKNOWN, "\0\0\0\1", 4);
	EXPECT_BYTES(w, "\0\0\0\x0d" "\xff\xff\xff\xfd" "\0\0\0\x4d" "\0\0\0\0");
	peer_send(w->peer, 14, PENDING, CMD_ADD, "\0\0\0\1", 4);
	EXPECT_BYTES(w, "\0\0\0\x0e" "\xff\xff\xff\xfe" "\0\0\0\2" "\0\0\0\0");
	PEER_QUIET(w->peer, 20);
}

int main(void)
{
	struct leaks leaks;
	struct wire w;

	leaks_begin(&leaks);
	for (int role = 0; role < ROLES; role++) {
		wire_open(&w, role);
		requests(&w);
		wire_close(&w);
		counter_init(&keeps);
		wire_open(&w, role);
		replies(&w);
		wire_close(&w);
	}
	SECTION("nothing is left");
	LEAKS_CHECK(&leaks);
	return tap_done();
}
