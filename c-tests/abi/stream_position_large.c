/*
 * Slot 5 behind a large opaque: going back in front of it works as elsewhere.
 */
#include "byhand.h"

enum { LEN = 100000 };

static char data[LEN];

static bool_t patched(XDR *xdrs, int *value)
{
	static char got[LEN];
	unsigned start = OPS(xdrs)->x_getpostn(xdrs), end;
	long number = 1;

	if (xdrs->x_op == XDR_FREE)
		return TRUE;
	if (xdrs->x_op == XDR_DECODE) {
		if (!OPS(xdrs)->x_getlong(xdrs, &number))
			return FALSE;
		*value = (int)number;
		return OPS(xdrs)->x_getbytes(xdrs, got, LEN) && memcmp(got, data, LEN) == 0 &&
			OPS(xdrs)->x_getlong(xdrs, &number) && number == 7;
	}
	CHECK_EQ(OPS(xdrs)->x_putlong(xdrs, &number), TRUE);
	CHECK_EQ(OPS(xdrs)->x_putbytes(xdrs, data, LEN), TRUE);
	end = OPS(xdrs)->x_getpostn(xdrs);
	CHECK_EQ(end, start + 4 + LEN);
	CHECK_EQ(OPS(xdrs)->x_setpostn(xdrs, start), TRUE);
	number = 2;
	CHECK_EQ(OPS(xdrs)->x_putlong(xdrs, &number), TRUE);
	CHECK_EQ(OPS(xdrs)->x_setpostn(xdrs, end), TRUE);
	CHECK_EQ(OPS(xdrs)->x_getpostn(xdrs), end);
	number = 7;
	return OPS(xdrs)->x_putlong(xdrs, &number);
}

int main(void)
{
	static const struct kind list[] = { KIND(patched, int) };
	int value = 0, i;
	void *out = NULL;
	struct pair p;

	for (i = 0; i < LEN; i++)
		data[i] = (char)(i * 7 + i / 251);
	KINDS(list);
	hand_pair(&p);
	CHECK_EQ(mrpc_set_max_buf_len(p.client_set, 2 * LEN), 0);
	CHECK_EQ(mrpc_set_max_buf_len(p.server_set, 2 * LEN), 0);
	SECTION("a sync call, and its reply");
	REQUIRE_EQ(mrpc_send_request(hand_client, p.client, 1, &value, &out), MINIRPC_OK);
	REQUIRE(out != NULL);
	CHECK_EQ(*(int *)out, 2);
	free(out);
	pair_close(&p);
	return tap_done();
}
