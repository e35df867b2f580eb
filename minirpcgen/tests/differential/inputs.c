#include <string.h>
#include "inputs.h"

static uint64_t state;

/* The payload that is being made up. */
static struct {
	unsigned char *data;
	size_t len;
	/* Where counts and flags become 0, so that it comes to an end. */
	size_t soft;
	int count_follows;
	u_int bound;
	/* The last count was one more than the bound. */
	int beyond;
} made;

/* Cases of the unions, bounds, and what is near the limits of the types. */
static const uint32_t words[] = {
	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 99, 0xffffffff, 0xfffffffe,
	0x7fffffff, 0x80000000, 0x10000000, 0x40000000, 0x3fffffff, 0x7f, 0x80,
	0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 400, 1000
};

void
inputs_seed(uint64_t seed)
{
	/* Neighbouring seeds shall have nothing in common, and 0 is none. */
	state = seed * 0x9e3779b97f4a7c15u ^ 0xd1b54a32d192ed03u;
	if (state == 0)
		state = 1;
}

static uint64_t
next(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1du;
}

uint32_t
inputs_random(uint32_t limit)
{
	return (uint32_t)((next() >> 32) * limit >> 32);
}

static uint32_t
any_word(void)
{
	if (inputs_random(3) == 0)
		return (uint32_t)next();
	return words[inputs_random(sizeof words / sizeof *words)];
}

void
inputs_count_follows(u_int bound)
{
	made.count_follows = 1;
	made.bound = bound;
}

static void
store(unsigned char *at, uint32_t word)
{
	at[0] = (unsigned char)(word >> 24);
	at[1] = (unsigned char)(word >> 16);
	at[2] = (unsigned char)(word >> 8);
	at[3] = (unsigned char)word;
}

static uint32_t
count_word(void)
{
	uint32_t most = made.bound < 6 ? made.bound : 6;

	made.count_follows = 0;
	if (made.len >= made.soft)
		return 0;
	if (made.bound < LONGEST && inputs_random(12) == 0) {
		made.beyond = inputs_random(3) == 0;
		return made.bound + (uint32_t)made.beyond;
	}
	if (inputs_random(8) == 0)
		most = made.bound < 40 ? made.bound : 40;
	return inputs_random(most + 1);
}

static bool_t
make_long(XDR *xdrs, long *value)
{
	uint32_t word;

	(void)xdrs;
	if (LONGEST - made.len < 4)
		return FALSE;
	if (made.count_follows)
		word = count_word();
	else if (made.len >= made.soft)
		word = 0;
	else if (inputs_random(2) == 0)
		/* For flags and cases. */
		word = inputs_random(3);
	else
		word = any_word();
	store(made.data + made.len, word);
	made.len += 4;
	*value = (int32_t)word;
	return TRUE;
}

static bool_t
make_bytes(XDR *xdrs, char *to, u_int len)
{
	u_int i;

	(void)xdrs;
	if (len > LONGEST - made.len)
		return FALSE;
	for (i = 0; i < len; i++) {
		/* Few are NUL, or there would be no valid string. */
		to[i] = (char)(1 + inputs_random(255));
		if (inputs_random(500) == 0)
			to[i] = 0;
		made.data[made.len++] = (unsigned char)to[i];
	}
	return TRUE;
}

static int32_t *
make_no_run(XDR *xdrs, u_int len)
{
	(void)xdrs;
	(void)len;
	return NULL;
}

static const struct xdr_ops make_ops = {
	.x_getlong = make_long,
	.x_getbytes = make_bytes,
	.x_inline = make_no_run,
};

size_t
inputs_valid(bool_t (*proc)(XDR *, void *), void *obj, unsigned char *payload)
{
	XDR xdrs;

	memset(&xdrs, 0, sizeof xdrs);
	xdrs.x_op = XDR_DECODE;
	xdrs.x_ops = &make_ops;
	made.data = payload;
	made.len = 0;
	made.soft = inputs_random(8) == 0 ? 600 : inputs_random(120);
	made.count_follows = 0;
	made.beyond = 0;
	/* If it fails, the beginning of a payload is what there is. */
	(void)proc(&xdrs, obj);
	/* Only the bound shall forbid it. */
	while (made.beyond && made.len < LONGEST)
		payload[made.len++] = (unsigned char)(1 + inputs_random(255));
	return made.len;
}

size_t
inputs_noise(unsigned char *payload)
{
	size_t i, len = inputs_random(64) * 4;

	for (i = 0; i < len; i += 4)
		store(payload + i, any_word());
	return len;
}

size_t
inputs_mutate(unsigned char *payload, size_t len)
{
	uint32_t rounds = 1 + inputs_random(4);
	size_t at;

	for (; rounds > 0; rounds--) {
		at = len < 4 ? 0 : 4 * (size_t)inputs_random((uint32_t)len / 4);
		switch (inputs_random(7)) {
		case 0:
			if (len > 0)
				payload[inputs_random((uint32_t)len)] ^=
					(unsigned char)(1u << inputs_random(8));
			break;
		case 1:
		case 2:
			if (at + 4 <= len)
				store(payload + at, any_word());
			break;
		case 3:
			/* Near by, as for bounds. */
			if (at + 4 <= len)
				payload[at + 3] += inputs_random(2) ? 1 : -1;
			break;
		case 4:
			len = inputs_random((uint32_t)len + 1);
			break;
		case 5:
			if (len + 4 <= LONGEST) {
				memmove(payload + at + 4, payload + at,
					len - at);
				store(payload + at, any_word());
				len += 4;
			}
			break;
		case 6:
			if (at + 4 <= len) {
				memmove(payload + at, payload + at + 4,
					len - at - 4);
				len -= 4;
			}
			break;
		}
	}
	return len;
}
