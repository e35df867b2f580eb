/*
 * Slots 0, 1, 8 and 9: four bytes on the wire; a long is sign-extended on the
 * way in and cut to its low 32 bits on the way out; no alignment is needed.
 */
#include "byhand.h"

struct numbers { long values[4]; };
struct odd { char head[3]; long number; char mid[1]; int32_t other; };

static bool_t longs(XDR *xdrs, struct numbers *n)
{
	int i;

	for (i = 0; i < 4; i++) {
		if (xdrs->x_op == XDR_ENCODE && !OPS(xdrs)->x_putlong(xdrs, &n->values[i]))
			return FALSE;
		if (xdrs->x_op == XDR_DECODE && !OPS(xdrs)->x_getlong(xdrs, &n->values[i]))
			return FALSE;
	}
	return TRUE;
}

static bool_t int32s(XDR *xdrs, struct numbers *n)
{
	int32_t value;
	int i;

	for (i = 0; i < 4; i++) {
		value = (int32_t)n->values[i];
		if (xdrs->x_op == XDR_ENCODE && !((putint32_fn *)slot(xdrs, 9))(xdrs, &value))
			return FALSE;
		if (xdrs->x_op == XDR_DECODE && !((getint32_fn *)slot(xdrs, 8))(xdrs, &value))
			return FALSE;
		n->values[i] = value;
	}
	return TRUE;
}

static bool_t odds(XDR *xdrs, struct odd *o)
{
	switch (xdrs->x_op) {
	case XDR_ENCODE:
		return OPS(xdrs)->x_putbytes(xdrs, o->head, 3) &&
			OPS(xdrs)->x_putlong(xdrs, &o->number) &&
			OPS(xdrs)->x_putbytes(xdrs, o->mid, 1) &&
			((putint32_fn *)slot(xdrs, 9))(xdrs, &o->other) &&
			OPS(xdrs)->x_putbytes(xdrs, o->mid, 1);
	case XDR_DECODE:
		return OPS(xdrs)->x_getbytes(xdrs, o->head, 3) &&
			OPS(xdrs)->x_getlong(xdrs, &o->number) &&
			OPS(xdrs)->x_getbytes(xdrs, o->mid, 1) &&
			((getint32_fn *)slot(xdrs, 8))(xdrs, &o->other) &&
			OPS(xdrs)->x_getbytes(xdrs, o->mid, 1);
	default:
		return TRUE;
	}
}

static const long extended[4] = { 1, -1, 0x7fffffff, -0x7fffffffL - 1 };
static struct odd seen;

static void look(int cmd, void *in)
{
	struct numbers *n = in;
	int i;

	if (cmd == 3)
		seen = *(struct odd *)in;
	else
		for (i = 0; i < 4; i++)
			CHECK_EQ(n->values[i], extended[i]);
}

int main(void)
{
	static const struct kind list[] = {
		KIND(longs, struct numbers), KIND(int32s, struct numbers), KIND(odds, struct odd)
	};
	static const unsigned char wire[16] = {
		0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 0x80, 0, 0, 0
	};
	static const unsigned char odd_wire[13] = {
		'a', 'b', 'c', 0xff, 0xff, 0xff, 0xfe, 'd', 0x12, 0x34, 0x56, 0x78, 'd'
	};
	struct numbers n = { { 1, -1, 0x7fffffff, -0x7fffffffL - 1 } };
	struct numbers wide = { { 0x500000001L, 0xffffffffL, 0x17fffffffL, 0x80000000L } };
	struct leaks leaks;
	struct hand h;
	int cmd;

	leaks_begin(&leaks);
	KINDS(list);
	hand_look = look;
	hand_open(&h);
	for (cmd = 1; cmd <= 2; cmd++) {
		SECTION("%s: decoded with their sign, encoded", cmd == 1 ?
			"getlong and putlong" : "getint32 and putint32");
		HAND_ECHO(&h, cmd, wire, sizeof(wire));
		HAND_ENCODES(&h, cmd, &n, wire, sizeof(wire));
		SECTION("only the low 32 bits go out");
		HAND_ENCODES(&h, cmd, &wide, wire, sizeof(wire));
		SECTION("too few bytes fail");
		HAND_REFUSED(&h, cmd, wire, 15);
		HAND_REFUSED(&h, cmd, wire, 13);
		HAND_REFUSED(&h, cmd, wire, 0);
	}
	SECTION("at odd places of the stream");
	HAND_ECHO(&h, 3, odd_wire, sizeof(odd_wire));
	CHECK_EQ(seen.number, -2);
	CHECK_EQ(seen.other, 0x12345678);
	hand_close(&h);
	CHECK_EQ(counter_get(&h.probe.ioerrs), 6);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
