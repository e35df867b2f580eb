/*
 * A payload over the set's maximum is an ioerr as soon as its header has been
 * read, whatever the message is. A request is refused: with PROCEDURE_UNAVAIL if
 * nobody knows its command, else with ENCODING_ERR. The payload is thrown away.
 */
/* PROTO: test.mx */
#include "wire.h"

enum { MAX = 64, LEN = 1000 };
enum outcome { REFUSED, DROPPED, COMPLETES };

static const struct message {
	const char *name;
	int32_t status, cmd;
	enum outcome outcome;
	mrpc_status_t with;
} messages[] = {
	{ "a request", PENDING, CMD_ECHO, REFUSED, MINIRPC_ENCODING_ERR },
	{ "a request without an argument", PENDING, CMD_PING, REFUSED, MINIRPC_ENCODING_ERR },
	{ "a request without a handler", PENDING, CMD_ABSENT, REFUSED, MINIRPC_ENCODING_ERR },
	{ "a request of an unknown command", PENDING, CMD_UNKNOWN, REFUSED,
	  MINIRPC_PROCEDURE_UNAVAIL },
	{ "a request of command 0", PENDING, 0, REFUSED, MINIRPC_PROCEDURE_UNAVAIL },
	{ "a message", PENDING, MSG_PUSH, DROPPED, MINIRPC_OK },
	{ "a message of an unknown command", PENDING, MSG_UNKNOWN, DROPPED, MINIRPC_OK },
	{ "a reply", MINIRPC_OK, CMD_ADD, COMPLETES, MINIRPC_ENCODING_ERR },
	{ "a reply that nobody waits for", MINIRPC_OK, CMD_PING, DROPPED, MINIRPC_OK },
};

static void try_message(struct wire *w, const struct message *m)
{
	unsigned char header[HEADER_LEN];
	static const unsigned char payload[LEN];
	uint32_t seq = m->outcome == COMPLETES ? 0 : 9;

	wire_connect(w);
	if (m->outcome == COMPLETES) {
		REQUIRE_EQ(wire_call_add(w, 2, 3), MINIRPC_OK);
		PEER_EXPECT(w->peer, 0, PENDING, CMD_ADD, "\0\0\0\2\0\0\0\3", 8);
	}
	peer_header(header, seq, m->status, m->cmd, LEN);
	peer_write(w->peer, header, sizeof(header));
	COUNTER_WAIT(&w->probe.ioerrs, 1);
	CHECK(w->probe.text[0] != '\0');
	peer_write(w->peer, payload, sizeof(payload));
	if (m->outcome == REFUSED)
		PEER_EXPECT(w->peer, seq, m->with, m->cmd, NULL, 0);
	if (m->outcome == COMPLETES) {
		COUNTER_WAIT(&wire_replies, 1);
		CHECK_EQ(wire_status, m->with);
	}
	WIRE_IN_STEP(w, 10);
	wire_disconnect(w);
	CHECK_EQ(counter_get(&w->probe.ioerrs), 1);
	CHECK_EQ(counter_get(&wire_requests), 1);       /* the ping */
	CHECK_EQ(counter_get(&wire_messages), 0);
	CHECK_EQ(w->probe.reason, MRPC_DISC_CLOSED);
}

int main(void)
{
	struct leaks leaks;
	struct wire w;
	size_t i;

	leaks_begin(&leaks);
	for (int role = 0; role < ROLES; role++) {
		wire_open_set(&w, role);
		REQUIRE_EQ(mrpc_set_max_buf_len(w.set, MAX), 0);
		for (i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
			SECTION("%s: %s", wire_role_name(role), messages[i].name);
			try_message(&w, &messages[i]);
		}
		mrpc_conn_set_unref(w.set);
	}
	SECTION("nothing is left");
	LEAKS_CHECK(&leaks);
	return tap_done();
}
