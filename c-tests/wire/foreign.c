/*
 * A peer that speaks another protocol: as soon as its first 16 bytes are there, an
 * ioerr says what they look like. The connection stays as it is. No header of
 * ours is taken for one, whatever its sequence number looks like.
 */
/* PROTO: test.mx */
#define _GNU_SOURCE
#include "wire.h"

#define FIRST(text) (text), sizeof(text) - 1

static const struct foreign {
	const char *name;       /* which the ioerr has to mention */
	const char *bytes;
	size_t len;
} foreign[] = {
	{ "HTTP", FIRST("GET / HTTP/1.1\r\nHost: a\r\n\r\n") },
	{ "HTTP", FIRST("POST /index.html HTTP/1.0\r\nContent-Length: 0\r\n\r\n") },
	{ "HTTP", FIRST("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n") },
	{ "HTTP", FIRST("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") },
	{ "PROXY", FIRST("PROXY TCP4 127.0.0.1 127.0.0.1 45678 5601\r\n") },
	{ "PROXY", FIRST("PROXY TCP6 ::1 ::1 45678 5601\r\n") },
	{ "PROXY", FIRST("PROXY UNKNOWN\r\n\r\n\r\n") },
	{ "PROXY", FIRST("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\1\x7f\0\0\1\xb2\x6e\x15\xe1") },
	{ "SSH", FIRST("SSH-2.0-Client_1.0\r\n") },
	{ "TLS", FIRST("\x16\x03\x01\0\xe7\x01\0\0\xe3\x03\x03" "abcdefghijklmnopqrstuvwxyz") },
	{ "TLS", FIRST("\x16\x03\x03\x05\xb5\x01\0\x05\xb1\x03\x03" "abcdefghijklmnopqrstuvwxyz") },
	{ "text", FIRST("HELO client.example.org\r\n") },
	{ "text", FIRST("\r\n\r\nis anybody there?\r\n") },
};

static const char *const numbers[] = {
	"GET ", "POST", "HTTP", "PRI ", "PROX", "\r\n\r\n", "SSH-", "\x16\x03\x01\x01",
	"\x16\x03\x03\x00", "HELO", "    "
};

static struct counter named;
static const char *name;

static void on_ioerr(void *conn_data, char *message)
{
	struct wire *w = conn_data;

	size_t i;

	tap_note("%s", message);
	for (i = 0; message[i] != '\0'; i++)
		CHECK(message[i] >= ' ' && message[i] <= '~');  /* of a peer's making, for a log */
	if (strcasestr(message, name) != NULL)
		counter_add(&named, 1);
	counter_add(&w->probe.ioerrs, 1);
}

static void on_disconnect(void *conn_data, enum mrpc_disc_reason reason)
{
	struct wire *w = conn_data;

	w->probe.reason = reason;
	counter_add(&w->probe.disconnects, 1);
}

/* The cookie is the wire itself. */
static void open_first(struct wire *w, enum role role)
{
	int fds[2];

	wire_open_set(w, role);
	probe_init(&w->probe);
	counter_init(&wire_messages);
	REQUIRE_EQ(mrpc_set_ioerr_func(w->set, on_ioerr), 0);
	REQUIRE_EQ(mrpc_set_disconnect_func(w->set, on_disconnect), 0);
	REQUIRE_EQ(mrpc_conn_create(&w->conn, w->set, w), 0);
	if (role == AS_SERVER)
		REQUIRE_EQ(test_server_set_operations(w->conn, &wire_server_ops), 0);
	else
		REQUIRE_EQ(test_client_set_operations(w->conn, &wire_client_ops), 0);
	REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	REQUIRE_EQ(mrpc_bind_fd(w->conn, fds[0]), 0);
	w->peer = fds[1];
}

static bool try_foreign(enum role role, const struct foreign *f, bool dribble)
{
	struct wire w;
	size_t i;
	bool ok;

	counter_init(&named);
	name = f->name;
	open_first(&w, role);
	if (dribble) {
		for (i = 0; i < HEADER_LEN; i++) {
			peer_write(w.peer, f->bytes + i, 1);
			wire_drained(&w);
		}
	} else {
		peer_write(w.peer, f->bytes, f->len);
	}
	ok = COUNTER_WAIT(&named, 1);
	STAYS(counter_get(&w.probe.disconnects) == 0, 5);
	wire_close(&w);
	CHECK_EQ(w.probe.reason, MRPC_DISC_CLOSED);
	return ok;
}

/* A message, then a request, both with this sequence number. */
static void try_number(enum role role, const char *number)
{
	struct wire w;
	uint32_t seq = get_u32(number);
	int first;

	for (first = 0; first < 2; first++) {
		open_first(&w, role);
		if (first == 0)
			peer_send(w.peer, seq, PENDING, MSG_NOTIFY, "\0\0\0\1", 4);
		WIRE_IN_STEP(&w, seq);
		wire_close(&w);
		CHECK_EQ(counter_get(&w.probe.ioerrs), 0);
		CHECK_EQ(counter_get(&wire_messages), first == 0);
	}
}

int main(void)
{
	struct leaks leaks;
	size_t i;

	leaks_begin(&leaks);
	for (int role = 0; role < ROLES; role++) {
		for (i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
			SECTION("%s: %s, %.10s", wire_role_name(role), foreign[i].name,
				foreign[i].bytes[0] >= ' ' ? foreign[i].bytes : "");
			if (!try_foreign(role, &foreign[i], false) ||
			    !try_foreign(role, &foreign[i], true))
				break;
		}
		SECTION("%s: sequence numbers that look like text", wire_role_name(role));
		for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
			try_number(role, numbers[i]);
	}
	SECTION("nothing is left");
	LEAKS_CHECK(&leaks);
	return tap_done();
}
