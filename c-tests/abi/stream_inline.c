/*
 * Slot 6: a pointer to the next bytes of the stream, which is then behind them,
 * on encode and on decode; NULL on decode where there are not as many.
 */
#include "byhand.h"

enum { MOST = 200000 };

static char pattern[MOST];
static unsigned length;

/* length bytes by inline, between two numbers and an odd byte. */
static bool_t run(XDR *xdrs, int *same)
{
	long number = 3;
	unsigned before;
	char odd = 'o';
	void *at;

	if (xdrs->x_op == XDR_FREE)
		return TRUE;
	if (xdrs->x_op == XDR_ENCODE) {
		CHECK_EQ(OPS(xdrs)->x_putlong(xdrs, &number), TRUE);
		before = OPS(xdrs)->x_getpostn(xdrs);
		at = OPS(xdrs)->x_inline(xdrs, length);
		if (length > 0 && !CHECK(at != NULL))
			return FALSE;
		CHECK_EQ(OPS(xdrs)->x_getpostn(xdrs), before + length);
		memcpy(at != NULL ? at : &odd, pattern, length);
		return OPS(xdrs)->x_putbytes(xdrs, &odd, 1) &&
			OPS(xdrs)->x_putlong(xdrs, &number);
	}
	CHECK_EQ(OPS(xdrs)->x_getlong(xdrs, &number), TRUE);
	before = OPS(xdrs)->x_getpostn(xdrs);
	/* More than there are: NULL, and nothing has happened. */
	CHECK_PTR(OPS(xdrs)->x_inline(xdrs, length + 6), NULL);
	CHECK_PTR(OPS(xdrs)->x_inline(xdrs, 0x7fffffff), NULL);
	CHECK_PTR(OPS(xdrs)->x_inline(xdrs, 0x80000000), NULL);
	CHECK_PTR(OPS(xdrs)->x_inline(xdrs, 0xffffffff), NULL);
	CHECK_EQ(OPS(xdrs)->x_getpostn(xdrs), before);
	at = OPS(xdrs)->x_inline(xdrs, length);
	if (length > 0 && !CHECK(at != NULL))
		return FALSE;
	CHECK_EQ(OPS(xdrs)->x_getpostn(xdrs), before + length);
	*same = length == 0 || memcmp(at, pattern, length) == 0;
	return OPS(xdrs)->x_getbytes(xdrs, &odd, 1) && odd == 'o' &&
		OPS(xdrs)->x_getlong(xdrs, &number) && number == 3 && *same;
}

/* All of the payload, to the last byte. */
static bool_t whole(XDR *xdrs, char *byte)
{
	char *at;

	if (xdrs->x_op == XDR_FREE)
		return TRUE;
	at = (char *)OPS(xdrs)->x_inline(xdrs, 4);
	if (!CHECK(at != NULL))
		return FALSE;
	if (xdrs->x_op == XDR_ENCODE)
		memset(at, *byte, 4);
	else
		*byte = at[3];
	return TRUE;
}

static void look(int cmd, void *in)
{
	if (cmd == 1)
		CHECK_EQ(*(int *)in, 1);
}

int main(void)
{
	static const struct kind list[] = { KIND(run, int), KIND(whole, char) };
	static const unsigned lengths[] = { 0, 4, 8, 12, 3, 1, 64, 1000, 4096, 16380, 65536, 150001 };
	static char wire[MOST + 16];
	struct leaks leaks;
	struct hand h;
	int object = 0;
	size_t i;

	leaks_begin(&leaks);
	for (i = 0; i < MOST; i++)
		pattern[i] = (char)(i * 11 + i / 253);
	KINDS(list);
	hand_look = look;
	hand_open(&h);
	CHECK_EQ(mrpc_set_max_buf_len(h.set, MOST + 16), 0);
	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		length = lengths[i];
		SECTION("%u bytes", length);
		put_u32(wire, 3);
		memcpy(wire + 4, pattern, length);
		wire[4 + length] = 'o';
		put_u32(wire + 5 + length, 3);
		HAND_ENCODES(&h, 1, &object, wire, length + 9);
		HAND_ECHO(&h, 1, wire, length + 9);
	}
	SECTION("the whole payload in one piece");
	HAND_ECHO(&h, 2, "zzzz", 4);
	hand_close(&h);
	CHECK_EQ(counter_get(&h.probe.ioerrs), 0);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
