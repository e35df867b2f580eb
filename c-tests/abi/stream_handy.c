/*
 * On decode, x_handy is the number of bytes left, whatever moves the stream;
 * slot 7, destroy, is harmless at any time and in any direction.
 */
#include "byhand.h"

static bool_t watched(XDR *xdrs, int *value)
{
	char bytes[8];
	long number = 6;
	int32_t last;

	OPS(xdrs)->x_destroy(xdrs);
	if (xdrs->x_op == XDR_FREE)
		return TRUE;
	if (xdrs->x_op == XDR_ENCODE) {
		CHECK_EQ(OPS(xdrs)->x_putlong(xdrs, &number), TRUE);
		OPS(xdrs)->x_destroy(xdrs);
		CHECK_EQ(OPS(xdrs)->x_putbytes(xdrs, "abcdefghijklmnop", 16), TRUE);
		OPS(xdrs)->x_destroy(xdrs);
		return TRUE;
	}
	CHECK_EQ(xdrs->x_handy, 20);
	CHECK_EQ(OPS(xdrs)->x_getlong(xdrs, &number), TRUE);
	*value = (int)number;
	CHECK_EQ(xdrs->x_handy, 16);
	OPS(xdrs)->x_destroy(xdrs);
	CHECK(OPS(xdrs)->x_inline(xdrs, 8) != NULL);
	CHECK_EQ(xdrs->x_handy, 8);
	CHECK_PTR(OPS(xdrs)->x_inline(xdrs, 12), NULL);
	CHECK_EQ(xdrs->x_handy, 8);
	CHECK_EQ(OPS(xdrs)->x_getbytes(xdrs, bytes, 3), TRUE);
	CHECK_EQ(xdrs->x_handy, 5);
	CHECK_EQ(OPS(xdrs)->x_getbytes(xdrs, bytes, 6), FALSE);
	CHECK_EQ(xdrs->x_handy, 5);
	CHECK_EQ(OPS(xdrs)->x_setpostn(xdrs, OPS(xdrs)->x_getpostn(xdrs) - 11), TRUE);
	CHECK_EQ(xdrs->x_handy, 16);
	CHECK_EQ(OPS(xdrs)->x_setpostn(xdrs, OPS(xdrs)->x_getpostn(xdrs) + 12), TRUE);
	CHECK_EQ(xdrs->x_handy, 4);
	CHECK_EQ(((getint32_fn *)slot(xdrs, 8))(xdrs, &last), TRUE);
	CHECK_EQ(last, 0x6d6e6f70);
	CHECK_EQ(xdrs->x_handy, 0);
	OPS(xdrs)->x_destroy(xdrs);
	return TRUE;
}

int main(void)
{
	static const struct kind list[] = { KIND(watched, int) };
	static const char wire[] = "\0\0\0\6abcdefghijklmnop";
	struct leaks leaks;
	struct pair p;
	struct hand h;
	int value = 6, *out = NULL;

	leaks_begin(&leaks);
	KINDS(list);
	SECTION("a request, and its reply");
	hand_open(&h);
	HAND_ECHO(&h, 1, wire, 20);
	hand_close(&h);
	SECTION("in a sync caller");
	hand_pair(&p);
	CHECK_EQ(mrpc_send_request(hand_client, p.client, 1, &value, (void **)&out), MINIRPC_OK);
	CHECK(out != NULL && *out == 6);
	free(out);
	pair_close(&p);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
