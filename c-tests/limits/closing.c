/* PROTO: test.mx */
/* NEEDS: additions */
/*
 * A connection that is not read from, over its event limit, is closed while the peer does
 * not read before it has written all: it is read from again, and what comes is dropped, so
 * that the peer gets what was queued for it.
 */
#include "held.h"

enum { EVENTS = 4, BUFFERS = 16 * 1024, COUNT = 400, PAYLOAD = 4096 };

static const struct test_server_operations ops = { .push = hold_blob };

static void run(bool tcp)
{
	unsigned char message[HEADER_LEN + PAYLOAD];
	blob queued = { MIB, calloc(1, MIB) };
	struct frame f;
	struct held h;
	int i;

	SECTION("%s: all that the peer writes is read", tcp ? "TCP" : "AF_UNIX");
	REQUIRE(queued.blob_val != NULL);
	held_open(&h, &ops, 2, tcp, BUFFERS);
	REQUIRE_EQ(mrpc_set_event_limit(h.e.set, EVENTS, 4 * MIB), 0);
	for (i = 0; i < 100 && offer_blob(&h, 0, nr_test_push, PAYLOAD); i++)
		;
	CHECK(i < 100);
	CHECK_EQ(test_flood(h.e.conn, &queued), MINIRPC_OK);
	CHECK_EQ(mrpc_conn_close(h.e.conn), 0);
	memset(message, 0, sizeof(message));
	peer_header(message, 0, PENDING, nr_test_push, PAYLOAD);
	put_u32(message + HEADER_LEN, PAYLOAD - 4);
	for (i = 0; i < COUNT; i++)
		peer_write(h.e.fd, message, sizeof(message));
	peer_recv(h.e.fd, &f);
	CHECK_EQ(f.len, MIB + 4);
	free(f.data);
	PEER_EOF(h.e.fd);
	CHECK_EQ(counter_get(&h.e.probe.disconnects), 0);
	held_close(&h);
	CHECK_EQ(h.e.probe.reason, MRPC_DISC_USER);
	CHECK_EQ(counter_get(&begun), 1);
	free(queued.blob_val);
}

int main(void)
{
	struct leaks leaks;
	int tcp;

	leaks_begin(&leaks);
	for (tcp = 0; tcp < 2; tcp++) {
		run(tcp);
		LEAKS_CHECK(&leaks);
	}
	return tap_done();
}
