/* PROTO: test.mx */
/* ioerr events bring a text, in their place among the connection's events; the
 * connection stays up. */
#include "extra_rt.h"

static struct trace trace = TRACE_INIT;
static char texts[3][256];
static int n_texts;
static void *cookie_seen;

static void event(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	trace_add(&trace, *in);
}

static void failed(void *data, char *message)
{
	cookie_seen = data;
	if (n_texts < 3)
		snprintf(texts[n_texts++], sizeof(texts[0]), "%s", message);
	trace_add(&trace, -1);
}

static const struct test_client_operations ops = { .event = event };

static void bad_messages(struct end *e)
{
	char *big = calloc(1, 100);

	peer_number(e->fd, 0, nr_test_event, 1);
	peer_send(e->fd, 7, MINIRPC_OK, nr_test_get, NULL, 0);          /* unknown sequence */
	peer_number(e->fd, 0, nr_test_event, 2);
	peer_send(e->fd, 0, PENDING, nr_test_event, big, 100);          /* over the limit */
	peer_number(e->fd, 0, nr_test_event, 3);
	peer_send(e->fd, 0, PENDING, nr_test_event, big, 8);            /* not exact */
	peer_number(e->fd, 0, nr_test_event, 4);
	free(big);
}

int main(void)
{
	struct end e;
	int i;

	SECTION("in order, with text and cookie");
	end_open_client(&e, &ops, 2);
	REQUIRE_EQ(mrpc_set_max_buf_len(e.set, 64), 0);
	REQUIRE_EQ(mrpc_set_ioerr_func(e.set, failed), 0);
	bad_messages(&e);
	TRACE_WAIT(&trace, 7);
	CHECK_EQ(trace_len(&trace), 7);
	for (i = 0; i < 5; i++)
		CHECK_EQ(trace.values[i], i % 2 ? -1 : i / 2 + 1);
	/* Payloads are decoded when it is their turn: this ioerr may be last. */
	CHECK_EQ(trace.values[5] + trace.values[6], 3);
	CHECK_PTR(cookie_seen, &e.probe);
	CHECK_EQ(n_texts, 3);
	for (i = 0; i < n_texts; i++) {
		tap_note("%s", texts[i]);
		CHECK(strlen(texts[i]) > 5);
		CHECK(strchr(texts[i], '\n') == NULL);
	}

	SECTION("without a function: nothing happens");
	CHECK_EQ(mrpc_set_ioerr_func(e.set, NULL), 0);
	trace_clear(&trace);
	bad_messages(&e);
	TRACE_WAIT(&trace, 4);
	TRACE_IS(&trace, 1, 2, 3, 4);
	end_close(&e);
	return tap_done();
}
