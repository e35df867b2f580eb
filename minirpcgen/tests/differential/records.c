#include <stdint.h>
#include <string.h>
#include "inputs.h"
#include "records.h"

/* Room for a mark before each fragment, of which there are few. */
#define WIRE_ROOM (1 << 16)

static unsigned char wire[WIRE_ROOM];
static size_t wire_len, wire_pos;

static int
read_some(void *handle, void *to, int len)
{
	size_t some = 1 + inputs_random((uint32_t)len);

	(void)handle;
	if (wire_pos == wire_len)
		return -1;
	if (some > wire_len - wire_pos)
		some = wire_len - wire_pos;
	memcpy(to, wire + wire_pos, some);
	wire_pos += some;
	return (int)some;
}

static int
write_all(void *handle, void *from, int len)
{
	(void)handle;
	if ((size_t)len > WIRE_ROOM - wire_len)
		return -1;
	memcpy(wire + wire_len, from, (size_t)len);
	wire_len += (size_t)len;
	return len;
}

static void
put_fragment(const unsigned char *data, size_t len, int last)
{
	wire[wire_len++] = last ? 0x80 : 0;
	wire[wire_len++] = (unsigned char)(len >> 16);
	wire[wire_len++] = (unsigned char)(len >> 8);
	wire[wire_len++] = (unsigned char)len;
	memcpy(wire + wire_len, data, len);
	wire_len += len;
}

bool_t
records_decode(bool_t (*proc)(XDR *, void *), void *obj,
	const unsigned char *payload, size_t len, size_t *used)
{
	size_t done = 0, some;
	bool_t ok;
	char byte;
	XDR xdrs;

	wire_len = wire_pos = 0;
	do {
		/* A fragment in the middle must not be empty. */
		some = 1 + inputs_random(300);
		if (some > len - done)
			some = len - done;
		put_fragment(payload + done, some, done + some == len);
		done += some;
	} while (done < len);
	xdrrec_create(&xdrs, 0, 100 + inputs_random(400), NULL, read_some,
		write_all);
	xdrs.x_op = XDR_DECODE;
	ok = xdrrec_skiprecord(&xdrs) && proc(&xdrs, obj);
	*used = len;
	if (ok)
		while (xdr_getbytes(&xdrs, &byte, 1))
			(*used)--;
	xdr_destroy(&xdrs);
	return ok;
}

long
records_encode(bool_t (*proc)(XDR *, void *), void *obj, unsigned char *out,
	size_t size)
{
	size_t at, fragment, len = 0;
	bool_t ok;
	XDR xdrs;

	wire_len = 0;
	xdrrec_create(&xdrs, 100 + inputs_random(400), 0, NULL, read_some,
		write_all);
	xdrs.x_op = XDR_ENCODE;
	ok = proc(&xdrs, obj) && xdrrec_endofrecord(&xdrs, TRUE);
	xdr_destroy(&xdrs);
	if (!ok)
		return -1;
	for (at = 0; at < wire_len; at += fragment) {
		fragment = (size_t)wire[at + 1] << 16 |
			(size_t)wire[at + 2] << 8 | wire[at + 3];
		at += 4;
		if (fragment > size - len)
			return -1;
		memcpy(out + len, wire + at, fragment);
		len += fragment;
	}
	return (long)len;
}
