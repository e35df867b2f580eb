/*
 * Objects: zeroed before they are decoded, malloc memory; encoded in one pass
 * and decoded once; XDR_FREE runs once over each that the library owns, and
 * over none that it does not, with operations that may all be called.
 */
#include "byhand.h"

#include <malloc.h>

struct object { char pad[100]; char *held; long number; };

static struct counter encoded, decoded, freed, freed_full;
static bool fail_late;                  /* the decode, when all has been read */

static bool_t object(XDR *xdrs, struct object *o)
{
	static const struct object zero;
	int32_t number = 1;
	char byte = 'b';

	switch (xdrs->x_op) {
	case XDR_ENCODE:
		counter_add(&encoded, 1);
		return OPS(xdrs)->x_putlong(xdrs, &o->number) &&
			OPS(xdrs)->x_putbytes(xdrs, o->held, 4);
	case XDR_DECODE:
		counter_add(&decoded, 1);
		CHECK_MEM(o, &zero, sizeof(zero));
		CHECK(malloc_usable_size(o) >= sizeof(*o));
		if (!OPS(xdrs)->x_getlong(xdrs, &o->number))
			return FALSE;
		o->held = malloc(4);
		return OPS(xdrs)->x_getbytes(xdrs, o->held, 4) && !fail_late;
	default:
		counter_add(&freed, 1);
		/* Nothing that a procedure may call here leads anywhere. */
		OPS(xdrs)->x_getlong(xdrs, &o->number);
		OPS(xdrs)->x_putlong(xdrs, &o->number);
		OPS(xdrs)->x_getbytes(xdrs, &byte, 1);
		OPS(xdrs)->x_putbytes(xdrs, &byte, 1);
		OPS(xdrs)->x_setpostn(xdrs, OPS(xdrs)->x_getpostn(xdrs));
		CHECK_PTR(OPS(xdrs)->x_inline(xdrs, 4), NULL);
		((getint32_fn *)slot(xdrs, 8))(xdrs, &number);
		((putint32_fn *)slot(xdrs, 9))(xdrs, &number);
		OPS(xdrs)->x_destroy(xdrs);
		if (o->held != NULL)
			counter_add(&freed_full, 1);
		free(o->held);
		o->held = NULL;
		return TRUE;
	}
}

static const struct kind list[] = { KIND(object, struct object) };

static void reset(void)
{
	counter_init(&encoded);
	counter_init(&decoded);
	counter_init(&freed);
	counter_init(&freed_full);
}

#define COUNTS(e, d, f, full) do { \
	WAIT_FOR(counter_get(&freed) >= (f)); \
	CHECK_EQ(counter_get(&encoded), (e)); \
	CHECK_EQ(counter_get(&decoded), (d)); \
	CHECK_EQ(counter_get(&freed), (f)); \
	CHECK_EQ(counter_get(&freed_full), (full)); \
} while (0)

static struct counter called = COUNTER_INIT;

static void on_reply(void *conn_data, void *private, mrpc_status_t status, void *data)
{
	struct object *o = data;

	(void)conn_data;
	(void)private;
	CHECK_EQ(status, MINIRPC_OK);
	CHECK(o != NULL && o->number == 5);
	counter_add(&called, 1);
}

int main(void)
{
	char four[4] = "four";
	struct object in = { .held = four, .number = 5 }, *out = NULL;
	struct leaks leaks;
	struct pair p;
	struct hand h;

	leaks_begin(&leaks);
	KINDS(list);
	hand_pair(&p);

	SECTION("a sync call: two encodes, two decodes; the caller owns its result");
	reset();
	CHECK_EQ(mrpc_send_request(hand_client, p.client, 1, &in, (void **)&out), MINIRPC_OK);
	COUNTS(2, 2, 2, 1);             /* the handler's in, emptied, and its out */
	REQUIRE(out != NULL && out->held != NULL);
	CHECK_EQ(out->number, 5);
	CHECK_MEM(out->held, "four", 4);
	CHECK_PTR(in.held, four);
	free(out->held);
	out = realloc(out, 2000);       /* malloc memory */
	free(out);

	SECTION("an async call: the library frees the result after the callback");
	reset();
	CHECK_EQ(mrpc_send_request_async(hand_server, p.server, 1, (reply_callback_fn *)on_reply,
					 NULL, &in), MINIRPC_OK);
	COUNTER_WAIT(&called, 1);
	COUNTS(2, 2, 3, 2);

	SECTION("a one-way message");
	reset();
	CHECK_EQ(mrpc_send_request_noreply(hand_client, p.client, -1, &in), MINIRPC_OK);
	COUNTS(1, 1, 1, 1);

	SECTION("a result that the caller does not want");
	reset();
	CHECK_EQ(mrpc_send_request(hand_client, p.client, 1, &in, NULL), MINIRPC_ENCODING_ERR);
	WAIT_FOR(counter_get(&freed) > counter_get(&decoded));
	CHECK_EQ(counter_get(&freed_full), counter_get(&decoded));
	pair_close(&p);

	SECTION("a failed decode is freed once, as far as it was filled");
	hand_open(&h);
	reset();
	HAND_REFUSED(&h, 1, "\0\0\0", 3);
	COUNTS(0, 1, 1, 0);
	reset();
	HAND_REFUSED(&h, 1, "\0\0\0\5fou", 7);
	COUNTS(0, 1, 1, 1);
	reset();
	fail_late = true;
	HAND_REFUSED(&h, 1, "\0\0\0\5four", 8);
	COUNTS(0, 1, 1, 1);
	fail_late = false;

	SECTION("so is one that leaves bytes");
	reset();
	HAND_REFUSED(&h, 1, "\0\0\0\5four!", 9);
	COUNTS(0, 1, 1, 1);
	reset();
	HAND_REFUSED(&h, 1, "\0\0\0\5fourfour", 12);
	COUNTS(0, 1, 1, 1);

	SECTION("one-way messages the same");
	reset();
	peer_send(h.fd, 0, PENDING, -1, "\0\0\0\5four!", 9);
	COUNTS(0, 1, 1, 1);
	HAND_ECHO(&h, 1, "\0\0\0\5four", 8);
	hand_close(&h);
	CHECK_EQ(counter_get(&h.probe.ioerrs), 6);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
