/* NEEDS: additions */
/*
 * Long data are sent from where they are if the procedure lends them (mrpc_xdr_lend), and only
 * then: what it puts by x_putbytes it may free. Either way they are the caller's again
 * when the function returns.
 */
#include "byhand.h"

#include <sys/mman.h>

enum { LEN = 2000002 };                 /* more than a socket takes; two bytes follow */

struct thing { char *data; int last; };

static char bytes[LEN];
static int lent;                        /* by the last encode */
static bool back;                       /* then go back in front of them */

static bool_t decode(XDR *xdrs, struct thing *t)
{
	char pad[2];
	long word;

	t->data = malloc(LEN);
	if (!OPS(xdrs)->x_getlong(xdrs, &word) || word != 7 ||
	    !OPS(xdrs)->x_getbytes(xdrs, t->data, LEN) ||
	    !OPS(xdrs)->x_getbytes(xdrs, pad, 2) || !OPS(xdrs)->x_getlong(xdrs, &word))
		return FALSE;
	t->last = (int)word;
	CHECK_MEM(pad, "ab", 2);
	CHECK_MEM(t->data, bytes, LEN);
	return TRUE;
}

static bool_t release(XDR *xdrs, struct thing *t)
{
	CHECK_EQ(mrpc_xdr_lend(xdrs, t, bytes, LEN), 0);
	free(t->data);
	t->data = NULL;
	return TRUE;
}

/* Puts a copy that is gone afterwards. */
static bool_t fleeting(XDR *xdrs, struct thing *t)
{
	long first = 7, last = t->last;
	char *copy;
	bool_t ok;

	if (xdrs->x_op == XDR_DECODE)
		return decode(xdrs, t);
	if (xdrs->x_op == XDR_FREE)
		return release(xdrs, t);
	copy = malloc(LEN);
	memcpy(copy, t->data, LEN);
	ok = OPS(xdrs)->x_putlong(xdrs, &first) && OPS(xdrs)->x_putbytes(xdrs, copy, LEN) &&
		OPS(xdrs)->x_putbytes(xdrs, "ab", 2) && OPS(xdrs)->x_putlong(xdrs, &last);
	memset(copy, 'x', LEN);
	free(copy);
	return ok;
}

static bool_t lending(XDR *xdrs, struct thing *t)
{
	long first = back ? 6 : 7, last = t->last;
	unsigned start, end;

	if (xdrs->x_op == XDR_DECODE) {
		CHECK_EQ(mrpc_xdr_lend(xdrs, t, bytes, LEN), 0);
		return decode(xdrs, t);
	}
	if (xdrs->x_op == XDR_FREE)
		return release(xdrs, t);
	start = OPS(xdrs)->x_getpostn(xdrs);
	CHECK_EQ(mrpc_xdr_lend(xdrs, NULL, t->data, LEN), 0);
	CHECK_EQ(mrpc_xdr_lend(xdrs, &first, t->data, LEN), 0);
	CHECK_EQ(OPS(xdrs)->x_putlong(xdrs, &first), TRUE);
	CHECK_EQ(mrpc_xdr_lend(xdrs, t, t->data, 0), 0);
	CHECK_EQ(OPS(xdrs)->x_getpostn(xdrs), start + 4);
	lent = mrpc_xdr_lend(xdrs, t, t->data, 1000);
	lent &= mrpc_xdr_lend(xdrs, t, t->data + 1000, LEN - 1000);
	if (!CHECK_EQ(lent, 1))
		return FALSE;
	CHECK_EQ(OPS(xdrs)->x_getpostn(xdrs), start + 4 + LEN);
	CHECK_EQ(OPS(xdrs)->x_putbytes(xdrs, "ab", 2), TRUE);
	if (back) {
		end = OPS(xdrs)->x_getpostn(xdrs);
		CHECK_EQ(OPS(xdrs)->x_setpostn(xdrs, start), TRUE);
		first = 7;
		CHECK_EQ(OPS(xdrs)->x_putlong(xdrs, &first), TRUE);
		CHECK_EQ(mrpc_xdr_lend(xdrs, t, t->data, LEN), 0);
		CHECK_EQ(OPS(xdrs)->x_setpostn(xdrs, end), TRUE);
	}
	return OPS(xdrs)->x_putlong(xdrs, &last);
}

/* More than the header's length can say, of the same memory again and again. */
static bool_t endless(XDR *xdrs, struct thing *t)
{
	int i;

	if (xdrs->x_op != XDR_ENCODE)
		return TRUE;
	for (i = 0; i < 3; i++)
		CHECK_EQ(mrpc_xdr_lend(xdrs, t, t->data, 1u << 30), 1);
	CHECK_EQ(mrpc_xdr_lend(xdrs, t, t->data, 1u << 30), 0);
	return OPS(xdrs)->x_putbytes(xdrs, t->data, 1u << 30);
}

static const struct kind list[] = {
	KIND(fleeting, struct thing), KIND(lending, struct thing), KIND(endless, struct thing)
};

static struct counter replies = COUNTER_INIT;

static void on_reply(void *conn_data, void *private, mrpc_status_t status, void *data)
{
	struct thing *t = data;

	(void)conn_data;
	(void)private;
	CHECK_EQ(status, MINIRPC_OK);
	CHECK(t != NULL && t->last == 9);
	counter_add(&replies, 1);
}

/* Both directions, whose procedures check what they decode. */
static void call(struct pair *p, int cmd)
{
	struct thing in = { bytes, 9 }, *out = NULL;
	char *own = malloc(LEN);

	REQUIRE_EQ(mrpc_send_request(hand_client, p->client, cmd, &in, (void **)&out), MINIRPC_OK);
	REQUIRE(out != NULL);
	CHECK_EQ(out->last, 9);
	free(out->data);
	free(out);

	/* The caller's again as soon as the function returns. */
	memcpy(own, bytes, LEN);
	in.data = own;
	counter_init(&replies);
	CHECK_EQ(mrpc_send_request_async(hand_server, p->server, cmd, (reply_callback_fn *)on_reply,
					 NULL, &in), MINIRPC_OK);
	memset(own, 'x', LEN);
	COUNTER_WAIT(&replies, 1);
	memcpy(own, bytes, LEN);
	counter_init(&hand_requests);
	CHECK_EQ(mrpc_send_request_noreply(hand_client, p->client, -cmd, &in), MINIRPC_OK);
	memset(own, 'x', LEN);
	COUNTER_WAIT(&hand_requests, 1);
	free(own);
}

int main(void)
{
	struct thing big, *out = NULL;
	struct leaks leaks;
	struct pair p;
	int i;

	for (i = 0; i < LEN; i++)
		bytes[i] = (char)(i * 7 + i / 251);
	leaks_begin(&leaks);
	KINDS(list);
	hand_pair(&p);
	CHECK_EQ(mrpc_set_max_buf_len(p.client_set, LEN + 64), 0);
	CHECK_EQ(mrpc_set_max_buf_len(p.server_set, LEN + 64), 0);

	SECTION("put: what the procedure frees");
	call(&p, 1);
	SECTION("lent: what the object has");
	call(&p, 2);
	CHECK_EQ(lent, 1);
	SECTION("lent, and something in front of them is changed");
	back = true;
	call(&p, 2);

	SECTION("lent, and more than a frame can be");
	big.data = mmap(NULL, 1u << 30, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	REQUIRE(big.data != MAP_FAILED);
	CHECK_EQ(mrpc_send_request(hand_client, p.client, 3, &big, (void **)&out),
		 MINIRPC_ENCODING_ERR);
	CHECK_EQ(mrpc_send_request_noreply(hand_client, p.client, -3, &big), MINIRPC_ENCODING_ERR);
	munmap(big.data, 1u << 30);

	pair_close(&p);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
