/* NEEDS: additions */
/*
 * mrpc_xdr_claim: data of a long payload are given to the object as they were received, if
 * those of the message before began at the same place; else they are copied, and nothing
 * is lost. The stream's operations do what they do on any other, on both sides of the seam.
 */
#include "byhand.h"

enum { LEN = 100000, ROOM = LEN + 64 };

struct chunk {
	int words;                      /* in front of the data */
	char *data;
	int last;
};

static char bytes[LEN];
static int claimed;
static bool odd;                        /* use the operations in all manners */
static bool fail;

/* Claims what cannot be had. */
static void claim_nothing(XDR *xdrs)
{
	CHECK_PTR(mrpc_xdr_claim(xdrs, 4), NULL);
	CHECK_PTR(mrpc_xdr_claim(xdrs, 1u << 31), NULL);
	CHECK_PTR(mrpc_xdr_claim(xdrs, 0xffffffff), NULL);
}

/* In front of the data, at the seam. */
static void look_around(XDR *xdrs)
{
	unsigned at = OPS(xdrs)->x_getpostn(xdrs);
	unsigned char eight[8];
	int32_t *run, number = 0;
	long word = 0;

	CHECK_EQ(xdrs->x_handy, LEN + 4);
	CHECK_EQ(OPS(xdrs)->x_setpostn(xdrs, at + LEN + 5), FALSE);
	CHECK_EQ(OPS(xdrs)->x_setpostn(xdrs, at - 4), TRUE);
	CHECK_EQ(xdrs->x_handy, LEN + 8);
	/* Not in one piece where there is a seam; then nothing is taken. */
	run = OPS(xdrs)->x_inline(xdrs, 8);
	if (run == NULL) {
		CHECK_EQ(OPS(xdrs)->x_getpostn(xdrs), at - 4);
		CHECK_EQ(OPS(xdrs)->x_getbytes(xdrs, (char *)eight, 8), TRUE);
	} else {
		memcpy(eight, run, 8);
	}
	CHECK_EQ(OPS(xdrs)->x_getpostn(xdrs), at + 4);
	CHECK_MEM(eight + 4, bytes, 4);
	CHECK_EQ(OPS(xdrs)->x_setpostn(xdrs, at - 2), TRUE);
	CHECK_EQ(OPS(xdrs)->x_getlong(xdrs, &word), TRUE);
	CHECK_EQ(OPS(xdrs)->x_setpostn(xdrs, at - 2), TRUE);
	CHECK_EQ(((getint32_fn *)slot(xdrs, 8))(xdrs, &number), TRUE);
	CHECK_EQ(number, word);
	CHECK_EQ((word >> 8) & 0xff, (unsigned char)bytes[0]);
	CHECK_EQ(word & 0xff, (unsigned char)bytes[1]);
	CHECK_EQ(OPS(xdrs)->x_setpostn(xdrs, at), TRUE);
	run = OPS(xdrs)->x_inline(xdrs, LEN);
	if (run == NULL)
		CHECK_EQ(OPS(xdrs)->x_setpostn(xdrs, at + LEN), TRUE);
	else
		CHECK_MEM(run, bytes, LEN);
	CHECK_PTR(OPS(xdrs)->x_inline(xdrs, 8), NULL);
	CHECK_EQ(OPS(xdrs)->x_getbytes(xdrs, (char *)eight, 5), FALSE);
	CHECK_EQ(xdrs->x_handy, 4);
	CHECK_EQ(OPS(xdrs)->x_setpostn(xdrs, at), TRUE);
}

static bool_t chunk(XDR *xdrs, struct chunk *c)
{
	long word = 0;
	int i;

	if (xdrs->x_op == XDR_FREE) {
		claim_nothing(xdrs);
		free(c->data);
		c->data = NULL;
		return TRUE;
	}
	if (xdrs->x_op == XDR_ENCODE) {
		claim_nothing(xdrs);
		word = c->words;
		for (i = 0; i < c->words; i++)
			OPS(xdrs)->x_putlong(xdrs, &word);
		word = c->last;
		return OPS(xdrs)->x_putbytes(xdrs, c->data, LEN) && OPS(xdrs)->x_putlong(xdrs, &word);
	}
	if (!OPS(xdrs)->x_getlong(xdrs, &word))
		return FALSE;
	c->words = (int)word;
	for (i = 1; i < c->words; i++)
		if (!OPS(xdrs)->x_getlong(xdrs, &word))
			return FALSE;
	if (odd)
		look_around(xdrs);
	c->data = mrpc_xdr_claim(xdrs, LEN);
	claimed = c->data != NULL;
	if (!claimed) {
		c->data = malloc(LEN);
		if (!OPS(xdrs)->x_getbytes(xdrs, c->data, LEN))
			return FALSE;
	} else {
		claim_nothing(xdrs);
		CHECK_EQ(OPS(xdrs)->x_setpostn(xdrs, 4u * (unsigned)c->words), TRUE);
		CHECK_PTR(mrpc_xdr_claim(xdrs, LEN), NULL);
		CHECK_EQ(OPS(xdrs)->x_setpostn(xdrs, 4u * (unsigned)c->words + LEN), TRUE);
	}
	if (!OPS(xdrs)->x_getlong(xdrs, &word))
		return FALSE;
	c->last = (int)word;
	CHECK_MEM(c->data, bytes, LEN);
	return !fail;
}

/* A short payload is never in two parts. */
static bool_t brief(XDR *xdrs, int *value)
{
	long number = *value;

	claim_nothing(xdrs);
	if (xdrs->x_op == XDR_ENCODE)
		return OPS(xdrs)->x_putlong(xdrs, &number);
	if (xdrs->x_op == XDR_DECODE && !OPS(xdrs)->x_getlong(xdrs, &number))
		return FALSE;
	*value = (int)number;
	return TRUE;
}

static const struct kind list[] = { KIND(chunk, struct chunk), KIND(brief, int) };

/* One request with so many words in front of the data, and its reply. */
static void send_chunk(struct hand *h, int words)
{
	static unsigned char payload[ROOM];
	size_t len = 0;
	int i;

	for (i = 0; i < words; i++, len += 4)
		put_u32(payload + len, (uint32_t)words);
	memcpy(payload + len, bytes, LEN);
	put_u32(payload + len + LEN, 99);
	len += LEN + 4;
	claimed = -1;
	if (fail)
		HAND_REFUSED(h, 1, payload, len);
	else
		HAND_ECHO(h, 1, payload, len);
}

static struct counter replies = COUNTER_INIT;

static void on_reply(void *conn_data, void *private, mrpc_status_t status, void *data)
{
	struct chunk *c = data;

	(void)conn_data;
	(void)private;
	CHECK_EQ(status, MINIRPC_OK);
	REQUIRE(c != NULL);
	CHECK_MEM(c->data, bytes, LEN);
	counter_add(&replies, 1);
}

/* The client's end decodes replies; the bare socket gives them. */
static void answer(struct hand *h)
{
	struct frame f;

	peer_recv(h->fd, &f);
	peer_send(h->fd, f.seq, MINIRPC_OK, f.cmd, f.data, f.len);
	free(f.data);
}

static void *call(void *arg)
{
	struct hand *h = arg;
	struct chunk in = { 2, bytes, 99 }, *out = NULL;

	REQUIRE_EQ(mrpc_send_request(hand_server, h->conn, 1, &in, (void **)&out), MINIRPC_OK);
	REQUIRE(out != NULL);
	CHECK_EQ(out->last, 99);
	free(out->data);
	free(out);
	return NULL;
}

int main(void)
{
	struct chunk in = { 2, bytes, 99 };
	struct leaks leaks;
	pthread_t caller;
	struct hand h;
	int i;

	for (i = 0; i < LEN; i++)
		bytes[i] = (char)(i * 7 + i / 251 + 1);
	leaks_begin(&leaks);
	KINDS(list);
	hand_open(&h);
	CHECK_EQ(mrpc_set_max_buf_len(h.set, ROOM), 0);

	SECTION("requests: from the second one on");
	send_chunk(&h, 1);
	CHECK_EQ(claimed, 0);
	for (i = 0; i < 3; i++) {
		send_chunk(&h, 1);
		CHECK_EQ(claimed, 1);
	}
	SECTION("elsewhere in the payload: once not");
	send_chunk(&h, 5);
	CHECK_EQ(claimed, 0);
	send_chunk(&h, 5);
	CHECK_EQ(claimed, 1);
	send_chunk(&h, 2);
	CHECK_EQ(claimed, 0);
	SECTION("the other operations, with a seam where the data begin and elsewhere");
	odd = true;
	send_chunk(&h, 2);
	CHECK_EQ(claimed, 1);
	send_chunk(&h, 4);
	CHECK_EQ(claimed, 0);
	send_chunk(&h, 3);
	CHECK_EQ(claimed, 0);
	odd = false;
	SECTION("a procedure that fails afterwards");
	fail = true;
	send_chunk(&h, 3);
	CHECK_EQ(claimed, 1);
	fail = false;
	send_chunk(&h, 3);
	CHECK_EQ(claimed, 1);
	SECTION("short payloads");
	HAND_ECHO(&h, 2, "\0\0\0\5", 4);

	SECTION("replies have a place of their own");
	for (i = 0; i < 2; i++) {
		claimed = -1;
		caller = thread_start(call, &h);
		answer(&h);
		thread_join(caller);
		CHECK_EQ(claimed, i);
	}
	CHECK_EQ(mrpc_send_request_async(hand_server, h.conn, 1, (reply_callback_fn *)on_reply, NULL,
					 &in), MINIRPC_OK);
	claimed = -1;
	answer(&h);
	COUNTER_WAIT(&replies, 1);
	CHECK_EQ(claimed, 1);

	hand_close(&h);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
