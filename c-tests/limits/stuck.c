/* PROTO: test.mx */
/* NEEDS: additions */
/*
 * A connection that is not read from, first for its events and then, when they have been
 * handled, for the replies that the peer does not take: mrpc_set_linger ends it.
 */
#include "held.h"

enum { EVENTS = 4, REPLIES = 4096, LEN = MIB, BUFFERS = 16 * 1024 };

static mrpc_status_t echo(void *data, struct mrpc_message *msg, blob *in, blob *out)
{
	(void)data;
	(void)msg;
	(void)in;
	hold();
	out->blob_len = LEN;
	out->blob_val = calloc(1, LEN);
	REQUIRE(out->blob_val != NULL);
	return MINIRPC_OK;
}

static const struct test_server_operations ops = { .echo = echo };

static void run(bool tcp)
{
	struct held h;
	int n = 0;

	SECTION("%s", tcp ? "TCP" : "AF_UNIX");
	held_open(&h, &ops, 2, tcp, BUFFERS);
	REQUIRE_EQ(mrpc_set_linger(h.e.set, 300), 0);
	REQUIRE_EQ(mrpc_set_event_limit(h.e.set, EVENTS, MIB), 0);
	REQUIRE_EQ(mrpc_set_reply_limit(h.e.set, REPLIES), 0);
	while (n < 10 * EVENTS && offer_blob(&h, (uint32_t)n, nr_test_echo, 8))
		n++;
	BETWEEN(n, EVENTS, EVENTS + 1);
	counter_add(&tickets, NO_END);
	COUNTER_WAIT(&h.e.probe.disconnects, 1);
	CHECK_EQ(h.e.probe.reason, MRPC_DISC_IOERR);
	CHECK_EQ(counter_get(&h.e.probe.ioerrs), 1);
	CHECK_MSG(strstr(h.e.probe.text, "replies") != NULL, "%s", h.e.probe.text);
	held_close(&h);
}

/* Nothing more comes, either: requests wait behind the replies to those before them. */
static void silent(void)
{
	struct held h;
	int i;

	SECTION("requests that are not handled, and nothing more to read");
	held_open(&h, &ops, 2, false, BUFFERS);
	REQUIRE_EQ(mrpc_set_linger(h.e.set, 300), 0);
	REQUIRE_EQ(mrpc_set_reply_limit(h.e.set, REPLIES), 0);
	for (i = 0; i < EVENTS; i++)
		REQUIRE(offer_blob(&h, (uint32_t)i, nr_test_echo, 8));
	COUNTER_WAIT(&begun, 1);
	counter_add(&tickets, NO_END);
	STAYS(counter_get(&begun) == 1 || counter_get(&h.e.probe.disconnects) > 0, 100);
	COUNTER_WAIT(&h.e.probe.disconnects, 1);
	CHECK_EQ(h.e.probe.reason, MRPC_DISC_IOERR);
	CHECK_MSG(strstr(h.e.probe.text, "replies") != NULL, "%s", h.e.probe.text);
	held_close(&h);
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
	silent();
	LEAKS_CHECK(&leaks);
	return tap_done();
}
