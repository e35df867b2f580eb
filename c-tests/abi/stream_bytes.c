/* Slots 2 and 3: bytes as they are, without padding, of any length. */
#include "byhand.h"

enum { MOST = 100000 };

static unsigned lengths[3];             /* of the pieces to move */
static char pattern[MOST];

struct pieces { char *bytes; };

static bool_t pieces(XDR *xdrs, struct pieces *p)
{
	unsigned at = 0;
	int i;

	if (xdrs->x_op == XDR_FREE) {
		free(p->bytes);
		p->bytes = NULL;
		return TRUE;
	}
	if (xdrs->x_op == XDR_DECODE)
		p->bytes = malloc(MOST);
	for (i = 0; i < 3; at += lengths[i], i++) {
		if (xdrs->x_op == XDR_ENCODE &&
		    !OPS(xdrs)->x_putbytes(xdrs, p->bytes + at, lengths[i]))
			return FALSE;
		if (xdrs->x_op == XDR_DECODE &&
		    !OPS(xdrs)->x_getbytes(xdrs, p->bytes + at, lengths[i]))
			return FALSE;
	}
	return TRUE;
}

/* What does not fit fails, and does no harm: the rest can still be read. */
static bool_t greedy(XDR *xdrs, int *left)
{
	char bytes[64];
	static const unsigned too_many[] = { 5, 64, 0x80000000, 0xffffffff, 0xfffffffc };
	size_t i;

	if (xdrs->x_op == XDR_ENCODE)
		return OPS(xdrs)->x_putbytes(xdrs, "abcd", 4);
	if (xdrs->x_op == XDR_FREE)
		return TRUE;
	for (i = 0; i < sizeof(too_many) / sizeof(too_many[0]); i++)
		if (OPS(xdrs)->x_getbytes(xdrs, bytes, too_many[i]))
			*left = 1;
	return OPS(xdrs)->x_getbytes(xdrs, bytes, 4) && memcmp(bytes, "abcd", 4) == 0 &&
		!OPS(xdrs)->x_getbytes(xdrs, bytes, 1) &&
		OPS(xdrs)->x_getbytes(xdrs, bytes, 0) && *left == 0;
}

int main(void)
{
	static const struct kind list[] = { KIND(pieces, struct pieces), KIND(greedy, int) };
	static const unsigned tries[][3] = {
		{ 1, 2, 3 }, { 0, 0, 0 }, { 0, 1, 0 }, { 7, 0, 8 }, { 4096, 1, 4095 },
		{ 65536, 3, 30000 }, { 13, 77777, 1 }
	};
	struct pieces p = { pattern };
	struct leaks leaks;
	struct hand h;
	size_t i, all;

	leaks_begin(&leaks);
	for (i = 0; i < MOST; i++)
		pattern[i] = (char)(i * 7 + i / 251);
	KINDS(list);
	hand_open(&h);
	CHECK_EQ(mrpc_set_max_buf_len(h.set, MOST), 0);
	for (i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		memcpy(lengths, tries[i], sizeof(lengths));
		all = lengths[0] + lengths[1] + lengths[2];
		SECTION("%u, %u, %u bytes", lengths[0], lengths[1], lengths[2]);
		HAND_ENCODES(&h, 1, &p, pattern, all);
		HAND_ECHO(&h, 1, pattern, all);
	}
	SECTION("more than there are, then as many as there are");
	HAND_ECHO(&h, 2, "abcd", 4);
	hand_close(&h);
	CHECK_EQ(counter_get(&h.probe.ioerrs), 0);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
