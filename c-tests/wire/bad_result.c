/*
 * A handler's result that does not encode: the caller gets ENCODING_ERR and the
 * handler's side an ioerr; nobody is left waiting.
 */
/* PROTO: test.mx */
#include "wire.h"

int main(void)
{
	struct leaks leaks;
	struct wire w;
	struct pair p;
	number in = 1;
	short_text *out = NULL;
	uint64_t bytes;

	leaks_begin(&leaks);
	for (int role = 0; role < ROLES; role++) {
		SECTION("%s: a string one longer than its bound", wire_role_name(role));
		wire_open(&w, role);
		wire_name_result = "123456789";
		peer_send(w.peer, 40, PENDING, CMD_NAME, "\0\0\0\1", 4);
		PEER_EXPECT(w.peer, 40, MINIRPC_ENCODING_ERR, CMD_NAME, NULL, 0);
		COUNTER_WAIT(&w.probe.ioerrs, 1);
		CHECK(w.probe.text[0] != '\0');

		SECTION("%s: the connection goes on", wire_role_name(role));
		wire_name_result = "12345678";
		peer_send(w.peer, 41, PENDING, CMD_NAME, "\0\0\0\1", 4);
		PEER_EXPECT(w.peer, 41, MINIRPC_OK, CMD_NAME, "\0\0\0\x08" "12345678", 12);
		CHECK_EQ(counter_get(&w.probe.ioerrs), 1);
		CHECK_EQ(mrpc_conn_get_counter(w.conn, MRPC_CONNCTR_SEND_BYTES, &bytes), 0);
		CHECK_EQ(bytes, 16 + 16 + 12);
		wire_close(&w);
	}

	SECTION("a sync caller of our own gets ENCODING_ERR");
	pair_open(&p, PAIR_SOCKETPAIR, test_client, test_server);
	REQUIRE_EQ(test_server_set_operations(p.server, &wire_server_ops), 0);
	wire_name_result = "123456789";
	CHECK_EQ(test_name(p.client, &in, &out), MINIRPC_ENCODING_ERR);
	CHECK_PTR(out, NULL);
	COUNTER_WAIT(&p.server_probe.ioerrs, 1);
	wire_name_result = "1234";
	CHECK_EQ(test_name(p.client, &in, &out), MINIRPC_OK);
	if (CHECK(out != NULL))
		CHECK_STR(*out, "1234");
	free_short_text(out, 1);
	CHECK_EQ(counter_get(&p.client_probe.ioerrs), 0);
	pair_close(&p);

	SECTION("nothing is left");
	LEAKS_CHECK(&leaks);
	return tap_done();
}
