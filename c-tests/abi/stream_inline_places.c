/*
 * Slot 6 gives a pointer to int32_t, or NULL for "do it the slow way": behind an odd
 * number of bytes, and in the middle of what has been encoded, it is either, and what
 * comes out is the same.
 */
#include "byhand.h"

static const unsigned char bytes[4] = { 1, 2, 3, 4 };

static bool_t four_bytes(XDR *xdrs, unsigned char *value)
{
	void *at = OPS(xdrs)->x_inline(xdrs, 4);

	CHECK((uintptr_t)at % __alignof__(int32_t) == 0);
	if (xdrs->x_op == XDR_ENCODE) {
		if (at == NULL)
			return OPS(xdrs)->x_putbytes(xdrs, (char *)value, 4);
		memcpy(at, value, 4);
		return TRUE;
	}
	if (at == NULL)
		return OPS(xdrs)->x_getbytes(xdrs, (char *)value, 4);
	memcpy(value, at, 4);
	return TRUE;
}

/* 0 to 8 odd bytes in front. */
static bool_t behind(XDR *xdrs, unsigned char *object)
{
	char odd = 'o';
	int i, n;

	for (n = 0; n < 8; n++) {
		for (i = 0; i < 9 && xdrs->x_op != XDR_FREE; i++)
			if (!(xdrs->x_op == XDR_ENCODE ? OPS(xdrs)->x_putbytes(xdrs, &odd, 1)
						       : OPS(xdrs)->x_getbytes(xdrs, &odd, 1)))
				return FALSE;
		if (xdrs->x_op != XDR_FREE && !four_bytes(xdrs, object))
			return FALSE;
	}
	return TRUE;
}

static bool_t middle(XDR *xdrs, unsigned char *object)
{
	unsigned start = OPS(xdrs)->x_getpostn(xdrs);
	long zero = 0;
	int i;

	if (xdrs->x_op == XDR_FREE)
		return TRUE;
	if (xdrs->x_op == XDR_ENCODE) {
		for (i = 0; i < 3; i++)
			CHECK_EQ(OPS(xdrs)->x_putlong(xdrs, &zero), TRUE);
		CHECK_EQ(OPS(xdrs)->x_setpostn(xdrs, start + 4), TRUE);
		CHECK_EQ(four_bytes(xdrs, object), TRUE);
		CHECK_EQ(OPS(xdrs)->x_getpostn(xdrs), start + 8);
		return CHECK_EQ(OPS(xdrs)->x_setpostn(xdrs, start + 12), TRUE);
	}
	return OPS(xdrs)->x_getlong(xdrs, &zero) && four_bytes(xdrs, object) &&
		OPS(xdrs)->x_getlong(xdrs, &zero);
}

int main(void)
{
	static const struct kind list[] = {
		KIND(behind, unsigned char[4]), KIND(middle, unsigned char[4])
	};
	static const char in_the_middle[12] = { 0, 0, 0, 0, 1, 2, 3, 4 };
	char wire[8 * 13];
	struct leaks leaks;
	struct hand h;
	int n;

	leaks_begin(&leaks);
	for (n = 0; n < 8; n++) {
		memset(wire + n * 13, 'o', 9);
		memcpy(wire + n * 13 + 9, bytes, 4);
	}
	KINDS(list);
	hand_open(&h);
	SECTION("behind an odd number of bytes");
	HAND_ENCODES(&h, 1, (void *)bytes, wire, sizeof(wire));
	HAND_ECHO(&h, 1, wire, sizeof(wire));
	SECTION("in the middle");
	HAND_ENCODES(&h, 2, (void *)bytes, in_the_middle, sizeof(in_the_middle));
	HAND_ECHO(&h, 2, in_the_middle, sizeof(in_the_middle));
	hand_close(&h);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
