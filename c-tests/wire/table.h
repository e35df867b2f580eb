/* The rows of the receiver table in docs/wire.md, as bytes and outcomes. */
#ifndef WIRE_TABLE_H
#define WIRE_TABLE_H

#include "wire.h"

enum { TABLE_MAX = 64 };                /* mrpc_set_max_buf_len for these tests */
enum { NO_REPLY = 99, NO_CALL = 99 };   /* no status of the library's */
enum call { NO_OUTSTANDING, ADD_OUTSTANDING, PING_OUTSTANDING };

struct row {
	const char *name;
	enum call call;         /* made by us before, with sequence 0 */
	/* what the peer sends: a header, and len bytes of payload */
	uint32_t seq;
	int32_t status, cmd;
	uint32_t len;
	const char *payload;    /* NULL: len zeros */
	/* what comes of it */
	int32_t reply;          /* status of the reply, or NO_REPLY */
	uint32_t reply_len;
	const char *reply_payload;
	int ioerrs;
	mrpc_status_t done;     /* status of the call, or NO_CALL */
	int requests, messages; /* handlers called */
};

#define REQ 500, PENDING
#define TWO_AND_THREE "\0\0\0\2\0\0\0\3"
#define FIVE "\0\0\0\5"

static const struct row rows[] = {
	/* what is in order */
	{ "request", NO_OUTSTANDING, REQ, CMD_ADD, 8, TWO_AND_THREE,
	  MINIRPC_OK, 4, FIVE, 0, NO_CALL, 1, 0 },
	{ "request, void", NO_OUTSTANDING, REQ, CMD_PING, 0, NULL,
	  MINIRPC_OK, 0, NULL, 0, NO_CALL, 1, 0 },
	{ "request, payload of the maximum", NO_OUTSTANDING, REQ, CMD_ECHO, TABLE_MAX,
	  "\0\0\0\x3c" "0123456789012345678901234567890123456789"
	  "01234567890123456789", MINIRPC_OK, TABLE_MAX,
	  "\0\0\0\x3c" "0123456789012345678901234567890123456789"
	  "01234567890123456789", 0, NO_CALL, 1, 0 },
	{ "one-way", NO_OUTSTANDING, REQ, MSG_NOTIFY, 4, FIVE,
	  NO_REPLY, 0, NULL, 0, NO_CALL, 0, 1 },
	{ "one-way, void", NO_OUTSTANDING, REQ, MSG_POKE, 0, NULL,
	  NO_REPLY, 0, NULL, 0, NO_CALL, 0, 1 },
	{ "reply", ADD_OUTSTANDING, 0, MINIRPC_OK, CMD_ADD, 4, FIVE,
	  NO_REPLY, 0, NULL, 0, MINIRPC_OK, 0, 0 },
	{ "reply, void", PING_OUTSTANDING, 0, MINIRPC_OK, CMD_PING, 0, NULL,
	  NO_REPLY, 0, NULL, 0, MINIRPC_OK, 0, 0 },

	/* payload longer than the set's maximum */
	{ "request too long", NO_OUTSTANDING, REQ, CMD_ADD, TABLE_MAX + 1, NULL,
	  MINIRPC_ENCODING_ERR, 0, NULL, 1, NO_CALL, 0, 0 },
	{ "request too long, unknown cmd", NO_OUTSTANDING, REQ, CMD_UNKNOWN, 100, NULL,
	  MINIRPC_PROCEDURE_UNAVAIL, 0, NULL, 1, NO_CALL, 0, 0 },
	{ "request too long, cmd 0", NO_OUTSTANDING, REQ, 0, 100, NULL,
	  MINIRPC_PROCEDURE_UNAVAIL, 0, NULL, 1, NO_CALL, 0, 0 },
	{ "request too long, no handler", NO_OUTSTANDING, REQ, CMD_ABSENT, 100, NULL,
	  MINIRPC_ENCODING_ERR, 0, NULL, 1, NO_CALL, 0, 0 },
	{ "one-way too long, unknown cmd", NO_OUTSTANDING, REQ, MSG_UNKNOWN, 100, NULL,
	  NO_REPLY, 0, NULL, 1, NO_CALL, 0, 0 },
	{ "one-way too long", NO_OUTSTANDING, REQ, MSG_NOTIFY, 100, NULL,
	  NO_REPLY, 0, NULL, 1, NO_CALL, 0, 0 },
	{ "reply too long", ADD_OUTSTANDING, 0, MINIRPC_OK, CMD_ADD, 100, NULL,
	  NO_REPLY, 0, NULL, 1, MINIRPC_ENCODING_ERR, 0, 0 },
	{ "reply too long, void", PING_OUTSTANDING, 0, MINIRPC_OK, CMD_PING, 100, NULL,
	  NO_REPLY, 0, NULL, 1, MINIRPC_ENCODING_ERR, 0, 0 },

	/* unknown cmd */
	{ "request, unknown cmd", NO_OUTSTANDING, REQ, CMD_UNKNOWN, 4, FIVE,
	  MINIRPC_PROCEDURE_UNAVAIL, 0, NULL, 0, NO_CALL, 0, 0 },
	{ "request, cmd 0", NO_OUTSTANDING, REQ, 0, 0, NULL,
	  MINIRPC_PROCEDURE_UNAVAIL, 0, NULL, 0, NO_CALL, 0, 0 },
	{ "request, cmd INT_MAX", NO_OUTSTANDING, REQ, 0x7fffffff, 0, NULL,
	  MINIRPC_PROCEDURE_UNAVAIL, 0, NULL, 0, NO_CALL, 0, 0 },
	{ "one-way, unknown cmd", NO_OUTSTANDING, REQ, MSG_UNKNOWN, 4, FIVE,
	  NO_REPLY, 0, NULL, 0, NO_CALL, 0, 0 },
	{ "one-way, cmd INT_MIN", NO_OUTSTANDING, REQ, -0x7fffffff - 1, 0, NULL,
	  NO_REPLY, 0, NULL, 0, NO_CALL, 0, 0 },

	/* the entry of the handler table is NULL */
	{ "request, no handler", NO_OUTSTANDING, REQ, CMD_ABSENT, 4, FIVE,
	  MINIRPC_PROCEDURE_UNAVAIL, 0, NULL, 0, NO_CALL, 0, 0 },
	{ "one-way, no handler", NO_OUTSTANDING, REQ, MSG_ABSENT, 4, FIVE,
	  NO_REPLY, 0, NULL, 0, NO_CALL, 0, 0 },

	/* the payload does not decode, or not exactly */
	{ "request, no payload", NO_OUTSTANDING, REQ, CMD_ADD, 0, NULL,
	  MINIRPC_ENCODING_ERR, 0, NULL, 1, NO_CALL, 0, 0 },
	{ "request, payload too short", NO_OUTSTANDING, REQ, CMD_ADD, 7, TWO_AND_THREE,
	  MINIRPC_ENCODING_ERR, 0, NULL, 1, NO_CALL, 0, 0 },
	{ "request, payload left over", NO_OUTSTANDING, REQ, CMD_ADD, 12, TWO_AND_THREE FIVE,
	  MINIRPC_ENCODING_ERR, 0, NULL, 1, NO_CALL, 0, 0 },
	{ "request, one byte left over", NO_OUTSTANDING, REQ, CMD_ADD, 9, TWO_AND_THREE "x",
	  MINIRPC_ENCODING_ERR, 0, NULL, 1, NO_CALL, 0, 0 },
	{ "request, void with a payload", NO_OUTSTANDING, REQ, CMD_PING, 4, FIVE,
	  MINIRPC_ENCODING_ERR, 0, NULL, 1, NO_CALL, 0, 0 },
	{ "request, array of 2^30 bytes claimed", NO_OUTSTANDING, REQ, CMD_ECHO, 8,
	  "\x40\0\0\0....", MINIRPC_ENCODING_ERR, 0, NULL, 1, NO_CALL, 0, 0 },
	{ "request, array of 2^32-1 bytes claimed", NO_OUTSTANDING, REQ, CMD_ECHO, 8,
	  "\xff\xff\xff\xff....", MINIRPC_ENCODING_ERR, 0, NULL, 1, NO_CALL, 0, 0 },
	{ "one-way, payload too short", NO_OUTSTANDING, REQ, MSG_NOTIFY, 3, FIVE,
	  NO_REPLY, 0, NULL, 1, NO_CALL, 0, 0 },
	{ "one-way, payload left over", NO_OUTSTANDING, REQ, MSG_NOTIFY, 8, TWO_AND_THREE,
	  NO_REPLY, 0, NULL, 1, NO_CALL, 0, 0 },
	{ "one-way, void with a payload", NO_OUTSTANDING, REQ, MSG_POKE, 4, FIVE,
	  NO_REPLY, 0, NULL, 1, NO_CALL, 0, 0 },

	/* replies */
	{ "reply, nothing outstanding", NO_OUTSTANDING, 0, MINIRPC_OK, CMD_ADD, 4, FIVE,
	  NO_REPLY, 0, NULL, 1, NO_CALL, 0, 0 },
	{ "reply, unknown sequence", ADD_OUTSTANDING, 1, MINIRPC_OK, CMD_ADD, 4, FIVE,
	  NO_REPLY, 0, NULL, 1, NO_CALL, 0, 0 },
	{ "reply, unknown sequence, too long", ADD_OUTSTANDING, 1, MINIRPC_OK, CMD_ADD, 100, NULL,
	  NO_REPLY, 0, NULL, 1, NO_CALL, 0, 0 },
	{ "reply, unknown sequence, error", ADD_OUTSTANDING, 0xffffffff, 5, CMD_ADD, 0, NULL,
	  NO_REPLY, 0, NULL, 1, NO_CALL, 0, 0 },
	{ "reply to a one-way message", NO_OUTSTANDING, 0, MINIRPC_PROCEDURE_UNAVAIL, MSG_NOTIFY,
	  0, NULL, NO_REPLY, 0, NULL, 1, NO_CALL, 0, 0 },
	{ "reply, another cmd", ADD_OUTSTANDING, 0, MINIRPC_OK, CMD_PING, 0, NULL,
	  NO_REPLY, 0, NULL, 1, MINIRPC_ENCODING_ERR, 0, 0 },
	{ "reply, another cmd, other way round", PING_OUTSTANDING, 0, MINIRPC_OK, CMD_ADD, 4, FIVE,
	  NO_REPLY, 0, NULL, 1, MINIRPC_ENCODING_ERR, 0, 0 },
	{ "reply, unknown cmd", ADD_OUTSTANDING, 0, MINIRPC_OK, CMD_UNKNOWN, 4, FIVE,
	  NO_REPLY, 0, NULL, 1, MINIRPC_ENCODING_ERR, 0, 0 },
	{ "reply, cmd 0", ADD_OUTSTANDING, 0, MINIRPC_OK, 0, 4, FIVE,
	  NO_REPLY, 0, NULL, 1, MINIRPC_ENCODING_ERR, 0, 0 },
	{ "reply, another cmd and an error", ADD_OUTSTANDING, 0, 5, CMD_PING, 0, NULL,
	  NO_REPLY, 0, NULL, 1, MINIRPC_ENCODING_ERR, 0, 0 },
	{ "reply, error with a payload", ADD_OUTSTANDING, 0, 5, CMD_ADD, 4, FIVE,
	  NO_REPLY, 0, NULL, 1, MINIRPC_ENCODING_ERR, 0, 0 },
	{ "reply, error", ADD_OUTSTANDING, 0, 5, CMD_ADD, 0, NULL,
	  NO_REPLY, 0, NULL, 0, 5, 0, 0 },
	{ "reply, error, void", PING_OUTSTANDING, 0, MINIRPC_NETWORK_FAILURE, CMD_PING, 0, NULL,
	  NO_REPLY, 0, NULL, 0, MINIRPC_NETWORK_FAILURE, 0, 0 },
	{ "reply, error of no name", ADD_OUTSTANDING, 0, -12345, CMD_ADD, 0, NULL,
	  NO_REPLY, 0, NULL, 0, -12345, 0, 0 },
	{ "reply, OK without its payload", ADD_OUTSTANDING, 0, MINIRPC_OK, CMD_ADD, 0, NULL,
	  NO_REPLY, 0, NULL, 1, MINIRPC_ENCODING_ERR, 0, 0 },
	{ "reply, payload too short", ADD_OUTSTANDING, 0, MINIRPC_OK, CMD_ADD, 3, FIVE,
	  NO_REPLY, 0, NULL, 1, MINIRPC_ENCODING_ERR, 0, 0 },
	{ "reply, payload left over", ADD_OUTSTANDING, 0, MINIRPC_OK, CMD_ADD, 8, FIVE FIVE,
	  NO_REPLY, 0, NULL, 1, MINIRPC_ENCODING_ERR, 0, 0 },
	{ "reply, void with a payload", PING_OUTSTANDING, 0, MINIRPC_OK, CMD_PING, 4, FIVE,
	  NO_REPLY, 0, NULL, 1, MINIRPC_ENCODING_ERR, 0, 0 },
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]), SCRIPT_MAX = 1024 };

/* The row's message, and a ping behind it that shows the stream in step. */
UNUSED static size_t row_script(const struct row *row, unsigned char script[SCRIPT_MAX])
{
	size_t len = HEADER_LEN;

	peer_header(script, row->seq, row->status, row->cmd, row->len);
	memset(script + len, 0, row->len);
	if (row->payload != NULL)
		memcpy(script + len, row->payload, row->len);
	len += row->len;
	peer_header(script + len, 501, PENDING, CMD_PING, 0);
	return len + HEADER_LEN;
}

/* Makes the call that the row wants outstanding, and reads its request. */
UNUSED static void row_prepare(struct wire *w, const struct row *row)
{
	wire_connect(w);
	if (row->call == ADD_OUTSTANDING) {
		REQUIRE_EQ(wire_call_add(w, 2, 3), MINIRPC_OK);
		PEER_EXPECT(w->peer, 0, PENDING, CMD_ADD, TWO_AND_THREE, 8);
	} else if (row->call == PING_OUTSTANDING) {
		REQUIRE_EQ(wire_call_ping(w), MINIRPC_OK);
		PEER_EXPECT(w->peer, 0, PENDING, CMD_PING, NULL, 0);
	}
}

/* After the script: what came back, then (the ping has been handled, and all
 * events before it) what happened at our end. False if a check failed. */
UNUSED static bool row_outcome(struct wire *w, const struct row *row)
{
	bool ok = true;

	if (row->reply != NO_REPLY)
		ok &= PEER_EXPECT(w->peer, row->seq, row->reply, row->cmd, row->reply_payload,
				  row->reply_len);
	ok &= PEER_EXPECT(w->peer, 501, MINIRPC_OK, CMD_PING, NULL, 0);
	ok &= CHECK_EQ(counter_get(&wire_requests), row->requests + 1);
	ok &= CHECK_EQ(counter_get(&wire_messages), row->messages);
	/* an ioerr may be queued behind the ping, when the handler's turn comes */
	ok &= WAIT_FOR(counter_get(&w->probe.ioerrs) >= row->ioerrs);
	if (row->ioerrs > 0)
		ok &= CHECK(w->probe.text[0] != '\0');
	ok &= CHECK_EQ(counter_get(&wire_replies), row->done != NO_CALL);
	if (row->done != NO_CALL)
		ok &= CHECK_EQ(wire_status, row->done);
	ok &= CHECK_EQ(counter_get(&w->probe.disconnects), 0);
	return ok;
}

/* A call left outstanding fails when the peer goes; no callback comes twice. */
UNUSED static bool row_end(struct wire *w, const struct row *row)
{
	bool ok = true;

	wire_disconnect(w);
	ok &= CHECK_EQ(counter_get(&w->probe.ioerrs), row->ioerrs);
	ok &= CHECK_EQ(counter_get(&wire_replies), row->call != NO_OUTSTANDING);
	if (row->call != NO_OUTSTANDING && row->done == NO_CALL)
		ok &= CHECK_EQ(wire_status, MINIRPC_NETWORK_FAILURE);
	ok &= CHECK_EQ(w->probe.reason, MRPC_DISC_CLOSED);
	return ok;
}

/* The main function of a test that plays every row, in both roles. */
UNUSED static int table_play(void (*play)(struct wire *w, const struct row *row))
{
	struct leaks leaks;
	struct wire w;

	leaks_begin(&leaks);
	for (int role = 0; role < ROLES; role++) {
		wire_open_set(&w, role);
		REQUIRE_EQ(mrpc_set_max_buf_len(w.set, TABLE_MAX), 0);
		for (int i = 0; i < ROWS; i++) {
			SECTION("%s: %s", wire_role_name(role), rows[i].name);
			play(&w, &rows[i]);
		}
		mrpc_conn_set_unref(w.set);
	}
	SECTION("nothing is left");
	LEAKS_CHECK(&leaks);
	return tap_done();
}

#endif
