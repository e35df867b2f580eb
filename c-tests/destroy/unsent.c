/* PROTO: test.mx */
/*
 * A connection closed while its peer reads nothing, with more queued than the
 * socket takes; then the peer goes. The disconnect fires, and nothing is left:
 * whether the references were dropped before or after, and whatever the peer had
 * still sent.
 */
#include "destroy.h"

static const struct test_server_operations ops = { .ping = answer_ping };

/* A TCP peer that only shuts down may still read, as far as we can know. */
static bool cuts(int kind)
{
	return (kind & 5) == 4;
}

static void run(int kind)
{
	bool tcp = kind & 1, early = kind & 2, cut = cuts(kind), sends = kind & 8;
	static char payload[16000];
	blob b = { sizeof(payload), payload };
	unsigned char header[HEADER_LEN];
	struct leaks leaks;
	struct end e;
	int i;

	leaks_begin(&leaks);
	end_open(&e, test_server, 1 + kind % 3, tcp);
	REQUIRE_EQ(test_server_set_operations(e.conn, &ops), 0);
	for (i = 0; i < 600; i++)
		if (!CHECK_EQ(test_flood(e.conn, &b), MINIRPC_OK))
			break;
	for (i = 0; i < 100 && sends; i++)
		peer_send(e.fd, (uint32_t)i, PENDING, nr_test_ping, NULL, 0);
	CHECK_EQ(PROMPT(mrpc_conn_close(e.conn)), 0);
	if (early)
		end_unref(&e);
	peer_header(header, 0, PENDING, nr_test_ping, 0);
	for (i = 0; i < 100 && sends; i++)      /* may be refused by now */
		(void)!send(e.fd, header, sizeof(header), MSG_NOSIGNAL | MSG_DONTWAIT);
	STAYS(counter_get(&e.probe.disconnects) == 0, 5);
	if (cut)
		shutdown(e.fd, SHUT_RDWR);
	else
		close(e.fd);
	COUNTER_WAIT(&e.probe.disconnects, 1);
	CHECK_EQ(e.probe.reason, MRPC_DISC_USER);
	if (cut)
		close(e.fd);
	if (!early)
		end_unref(&e);
	LEAKS_CHECK(&leaks);
	CHECK_EQ(counter_get(&e.probe.disconnects), 1);
}

int main(void)
{
	int kind;

	for (kind = 0; kind < 16; kind++) {
		SECTION("%s, references dropped %s, the peer %s%s", kind & 1 ? "TCP" : "socketpair",
			kind & 2 ? "before" : "after", cuts(kind) ? "shuts down" : "closes",
			kind & 8 ? ", having sent" : "");
		run(kind);
	}
	return tap_done();
}
