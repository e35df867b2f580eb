#include "streams.h"

static unsigned char *
advance(XDR *xdrs, size_t len)
{
	struct memory_stream *stream = xdrs->x_private;
	unsigned char *at = stream->data + stream->pos;

	if (len > stream->size - stream->pos)
		return NULL;
	stream->pos += len;
	return at;
}

static bool_t
get_long(XDR *xdrs, long *value)
{
	const unsigned char *at = advance(xdrs, 4);

	if (at == NULL)
		return FALSE;
	*value = (int32_t)((uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 |
		(uint32_t)at[2] << 8 | at[3]);
	return TRUE;
}

static bool_t
put_long(XDR *xdrs, const long *value)
{
	unsigned char *at = advance(xdrs, 4);
	int i;

	if (at == NULL)
		return FALSE;
	for (i = 0; i < 4; i++)
		at[i] = (unsigned char)((unsigned long)*value >> (24 - 8 * i));
	return TRUE;
}

static bool_t
get_bytes(XDR *xdrs, char *to, u_int len)
{
	const unsigned char *at = advance(xdrs, len);

	if (at == NULL)
		return FALSE;
	memcpy(to, at, len);
	return TRUE;
}

static bool_t
put_bytes(XDR *xdrs, const char *from, u_int len)
{
	unsigned char *at = advance(xdrs, len);

	if (at == NULL)
		return FALSE;
	memcpy(at, from, len);
	return TRUE;
}

static u_int
get_position(XDR *xdrs)
{
	struct memory_stream *stream = xdrs->x_private;

	return (u_int)stream->pos;
}

static bool_t
set_position(XDR *xdrs, u_int pos)
{
	struct memory_stream *stream = xdrs->x_private;

	if (pos > stream->size)
		return FALSE;
	stream->pos = pos;
	return TRUE;
}

static int32_t *
give_run(XDR *xdrs, u_int len)
{
	struct memory_stream *stream = xdrs->x_private;

	stream->runs++;
	/* By way of void: the data need not be aligned. */
	return (void *)advance(xdrs, len);
}

static int32_t *
give_no_run(XDR *xdrs, u_int len)
{
	(void)xdrs;
	(void)len;
	return NULL;
}

static void
destroy(XDR *xdrs)
{
	(void)xdrs;
}

static const struct xdr_ops inline_ops = {
	.x_getlong = get_long,
	.x_putlong = put_long,
	.x_getbytes = get_bytes,
	.x_putbytes = put_bytes,
	.x_getpostn = get_position,
	.x_setpostn = set_position,
	.x_inline = give_run,
	.x_destroy = destroy,
};

static const struct xdr_ops plain_ops = {
	.x_getlong = get_long,
	.x_putlong = put_long,
	.x_getbytes = get_bytes,
	.x_putbytes = put_bytes,
	.x_getpostn = get_position,
	.x_setpostn = set_position,
	.x_inline = give_no_run,
	.x_destroy = destroy,
};

static void
create(struct memory_stream *stream, const struct xdr_ops *ops, enum xdr_op op,
	void *data, size_t size)
{
	memset(stream, 0, sizeof *stream);
	stream->xdr.x_op = op;
	stream->xdr.x_ops = ops;
	stream->xdr.x_private = stream;
	stream->data = data;
	stream->size = size;
}

void
inline_stream(struct memory_stream *stream, enum xdr_op op, void *data,
	size_t size)
{
	create(stream, &inline_ops, op, data, size);
}

void
plain_stream(struct memory_stream *stream, enum xdr_op op, void *data,
	size_t size)
{
	create(stream, &plain_ops, op, data, size);
}
