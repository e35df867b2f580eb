/* Slots 4 and 5: where the stream is, and going there, back and forth. */
#include "byhand.h"

static void put(XDR *xdrs, long value)
{
	CHECK_EQ(OPS(xdrs)->x_putlong(xdrs, &value), TRUE);
}

static long get(XDR *xdrs)
{
	long value = -77;

	CHECK_EQ(OPS(xdrs)->x_getlong(xdrs, &value), TRUE);
	return value;
}

/* Encodes a length that is known only afterwards: back, then forward again. */
static bool_t patched(XDR *xdrs, int *value)
{
	unsigned start, middle, end;

	if (xdrs->x_op == XDR_FREE)
		return TRUE;
	start = OPS(xdrs)->x_getpostn(xdrs);
	if (xdrs->x_op == XDR_ENCODE) {
		put(xdrs, 0);
		middle = OPS(xdrs)->x_getpostn(xdrs);
		CHECK_EQ(middle, start + 4);
		put(xdrs, 5);
		CHECK_EQ(OPS(xdrs)->x_putbytes(xdrs, "xyz", 3), TRUE);
		end = OPS(xdrs)->x_getpostn(xdrs);
		CHECK_EQ(end, start + 11);
		CHECK_EQ(OPS(xdrs)->x_setpostn(xdrs, start), TRUE);
		CHECK_EQ(OPS(xdrs)->x_getpostn(xdrs), start);
		put(xdrs, *value);
		CHECK_EQ(OPS(xdrs)->x_setpostn(xdrs, end), TRUE);
		CHECK_EQ(OPS(xdrs)->x_getpostn(xdrs), end);
		return OPS(xdrs)->x_putbytes(xdrs, "!", 1);
	}
	/* The last byte first, then from the start. */
	CHECK_EQ(OPS(xdrs)->x_setpostn(xdrs, start + 11), TRUE);
	{
		char last = 0;

		CHECK_EQ(OPS(xdrs)->x_getbytes(xdrs, &last, 1), TRUE);
		CHECK_EQ(last, '!');
		CHECK_EQ(OPS(xdrs)->x_getpostn(xdrs), start + 12);
		CHECK_EQ(OPS(xdrs)->x_getbytes(xdrs, &last, 1), FALSE);
	}
	CHECK_EQ(OPS(xdrs)->x_setpostn(xdrs, start), TRUE);
	*value = (int)get(xdrs);
	CHECK_EQ(get(xdrs), 5);
	CHECK_EQ(OPS(xdrs)->x_setpostn(xdrs, start + 4), TRUE);
	CHECK_EQ(get(xdrs), 5);
	/* Not beyond the end; a refused move does not move. */
	CHECK_EQ(OPS(xdrs)->x_setpostn(xdrs, start + 13), FALSE);
	CHECK_EQ(OPS(xdrs)->x_setpostn(xdrs, 0xffffffff), FALSE);
	CHECK_EQ(OPS(xdrs)->x_setpostn(xdrs, 0x80000000), FALSE);
	CHECK_EQ(OPS(xdrs)->x_getpostn(xdrs), start + 8);
	/* The end itself is a place. */
	return OPS(xdrs)->x_setpostn(xdrs, start + 12);
}

/* Leaves the stream before its end. */
static bool_t rewound(XDR *xdrs, int *value)
{
	unsigned start = OPS(xdrs)->x_getpostn(xdrs);

	if (xdrs->x_op == XDR_DECODE) {
		*value = (int)get(xdrs);
		return OPS(xdrs)->x_setpostn(xdrs, start);
	}
	if (xdrs->x_op == XDR_ENCODE)
		put(xdrs, *value);
	return TRUE;
}

int main(void)
{
	static const struct kind list[] = { KIND(patched, int), KIND(rewound, int) };
	static const char wire[] = "\0\0\0\x09\0\0\0\5xyz!";
	struct leaks leaks;
	struct hand h;
	int value = 9;

	leaks_begin(&leaks);
	KINDS(list);
	hand_open(&h);
	SECTION("encode: back to patch, and forward");
	HAND_ENCODES(&h, 1, &value, wire, 12);
	SECTION("decode: forward, back, not beyond the end");
	HAND_ECHO(&h, 1, wire, 12);
	SECTION("decode: a stream left before its end is not used up");
	HAND_REFUSED(&h, 2, wire, 4);
	hand_close(&h);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
