/*
 * The largest payload, 16384 unless set: exactly so long, one byte longer,
 * much longer. The stream stays in step.
 */
/* PROTO: test.mx */
#include "wire.h"

enum { DEFAULT_MAX = 16384 };

/* An echo request of len payload bytes; its opaque data are len - 4. */
static void send_echo(struct wire *w, uint32_t seq, size_t len)
{
	unsigned char *payload = calloc(1, len);

	put_u32(payload, (uint32_t)len - 4);
	peer_send(w->peer, seq, PENDING, CMD_ECHO, payload, len);
	free(payload);
}

static void expect_echo(struct wire *w, uint32_t seq, size_t len)
{
	struct frame f;

	peer_recv(w->peer, &f);
	CHECK_EQ(f.seq, seq);
	CHECK_EQ(f.status, MINIRPC_OK);
	CHECK_EQ(f.len, len);
	free(f.data);
}

static void around(struct wire *w, size_t max)
{
	SECTION("%s: a request of %zu bytes is taken", wire_role_name(w->role), max);
	send_echo(w, 1, max);
	expect_echo(w, 1, max);
	CHECK_EQ(counter_get(&w->probe.ioerrs), 0);

	SECTION("%s: of %zu it is not, and the next one is", wire_role_name(w->role), max + 1);
	send_echo(w, 2, max + 1);
	PEER_EXPECT(w->peer, 2, MINIRPC_ENCODING_ERR, CMD_ECHO, NULL, 0);
	WIRE_IN_STEP(w, 3);
	COUNTER_WAIT(&w->probe.ioerrs, 1);

	SECTION("%s: nor of a hundred times that", wire_role_name(w->role));
	send_echo(w, 4, 100 * max);
	PEER_EXPECT(w->peer, 4, MINIRPC_ENCODING_ERR, CMD_ECHO, NULL, 0);
	send_echo(w, 5, max);
	expect_echo(w, 5, max);
	WIRE_IN_STEP(w, 6);
	COUNTER_WAIT(&w->probe.ioerrs, 2);
	CHECK_EQ(counter_get(&w->probe.ioerrs), 2);
}

int main(void)
{
	struct leaks leaks;
	struct wire w;

	leaks_begin(&leaks);
	for (int role = 0; role < ROLES; role++) {
		wire_open(&w, role);
		around(&w, DEFAULT_MAX);
		wire_close(&w);

		wire_open(&w, role);
		REQUIRE_EQ(mrpc_set_max_buf_len(w.set, 1000), 0);
		around(&w, 1000);
		wire_close(&w);

		SECTION("%s: changed on a live connection", wire_role_name(role));
		wire_open(&w, role);
		REQUIRE_EQ(mrpc_set_max_buf_len(w.set, 1000000), 0);
		send_echo(&w, 1, 100000);
		expect_echo(&w, 1, 100000);
		CHECK_EQ(counter_get(&w.probe.ioerrs), 0);

		SECTION("%s: the least possible maximum", wire_role_name(role));
		REQUIRE_EQ(mrpc_set_max_buf_len(w.set, 1), 0);
		WIRE_IN_STEP(&w, 2);
		peer_send(w.peer, 3, PENDING, CMD_ADD, "\0\0\0\1\0\0\0\2", 8);
		PEER_EXPECT(w.peer, 3, MINIRPC_ENCODING_ERR, CMD_ADD, NULL, 0);
		wire_close(&w);
	}
	SECTION("nothing is left");
	LEAKS_CHECK(&leaks);
	return tap_done();
}
