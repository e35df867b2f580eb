/*
 * minirpc/xdr_library.h: functions of an XDR library that applications call beside
 * their stubs. <minirpc/xdr.h> includes this; where there is an <rpc/xdr.h> it
 * declares nothing, and that library has them. They do what libtirpc's do. Left out
 * are those whose names a type of an interface might claim, as xdr_array would be
 * that of a type `array`.
 */
#ifndef MINIRPC_XDR_LIBRARY_INCLUDED
#define MINIRPC_XDR_LIBRARY_INCLUDED

#include <minirpc/xdr.h>

#ifndef MINIRPC_SYSTEM_XDR

#define mem_alloc(size) calloc(1, size)
#define mem_free(obj, size) free(obj)

#define XDR_GETLONG(xdrs, value) (*(xdrs)->x_ops->x_getlong)(xdrs, value)
#define XDR_PUTLONG(xdrs, value) (*(xdrs)->x_ops->x_putlong)(xdrs, value)
#define XDR_GETBYTES(xdrs, to, len) (*(xdrs)->x_ops->x_getbytes)(xdrs, to, len)
#define XDR_PUTBYTES(xdrs, from, len) \
	(*(xdrs)->x_ops->x_putbytes)(xdrs, from, len)
#define XDR_GETPOS(xdrs) (*(xdrs)->x_ops->x_getpostn)(xdrs)
#define XDR_SETPOS(xdrs, pos) (*(xdrs)->x_ops->x_setpostn)(xdrs, pos)
#define XDR_INLINE(xdrs, len) (*(xdrs)->x_ops->x_inline)(xdrs, len)
#define XDR_DESTROY(xdrs) (*(xdrs)->x_ops->x_destroy)(xdrs)
#define xdr_getpos(xdrs) XDR_GETPOS(xdrs)
#define xdr_setpos(xdrs, pos) XDR_SETPOS(xdrs, pos)
#define xdr_destroy(xdrs) XDR_DESTROY(xdrs)

MRPC_XDR_NUMBER(xdr_char, char, 4, _char)
MRPC_XDR_NUMBER(xdr_u_char, u_char, 4, _uint8)
MRPC_XDR_NUMBER(xdr_short, short, 4, _int16)
MRPC_XDR_NUMBER(xdr_u_short, u_short, 4, _uint16)
MRPC_XDR_NUMBER(xdr_int, int, 4, 32)
MRPC_XDR_NUMBER(xdr_u_int, u_int, 4, 32)
MRPC_XDR_NUMBER(xdr_long, long, 4, _long)
MRPC_XDR_NUMBER(xdr_u_long, u_long, 4, _ulong)
MRPC_XDR_NUMBER(xdr_hyper, quad_t, 8, 64)
MRPC_XDR_NUMBER(xdr_quad_t, quad_t, 8, 64)
MRPC_XDR_NUMBER(xdr_u_quad_t, u_quad_t, 8, 64)
MRPC_XDR_NUMBER(xdr_float, float, 4, 32)
MRPC_XDR_NUMBER(xdr_double, double, 8, 64)
MRPC_XDR_NUMBER(xdr_bool, bool_t, 4, _bool)
MRPC_XDR_NUMBER(xdr_enum, enum_t, 4, 32)
MRPC_XDR_NUMBER(xdr_int8_t, int8_t, 4, _int8)
MRPC_XDR_NUMBER(xdr_uint8_t, uint8_t, 4, _uint8)
MRPC_XDR_NUMBER(xdr_u_int8_t, uint8_t, 4, _uint8)
MRPC_XDR_NUMBER(xdr_int16_t, int16_t, 4, _int16)
MRPC_XDR_NUMBER(xdr_uint16_t, uint16_t, 4, _uint16)
MRPC_XDR_NUMBER(xdr_u_int16_t, uint16_t, 4, _uint16)
MRPC_XDR_NUMBER(xdr_int32_t, int32_t, 4, 32)
MRPC_XDR_NUMBER(xdr_uint32_t, uint32_t, 4, 32)
MRPC_XDR_NUMBER(xdr_u_int32_t, uint32_t, 4, 32)
MRPC_XDR_NUMBER(xdr_int64_t, int64_t, 8, 64)
MRPC_XDR_NUMBER(xdr_uint64_t, uint64_t, 8, 64)
MRPC_XDR_NUMBER(xdr_u_int64_t, uint64_t, 8, 64)

static inline bool_t
xdr_void(void)
{
	return TRUE;
}

/* Frees what the object holds, not the object itself. */
static inline void
xdr_free(xdrproc_t proc, void *obj)
{
	/* By its own type: variable arguments may be passed in another way. */
	typedef bool_t (procedure)(XDR *, void *);
	XDR xdrs;

	mrpc_xdr_set_free(&xdrs);
	((procedure *)(void (*)(void))proc)(&xdrs, obj);
}

static inline bool_t
xdr_opaque(XDR *xdrs, char *obj, u_int len)
{
	struct mrpc_xdr_cursor cursor = { xdrs, 0, NULL };

	switch (xdrs->x_op) {
	case XDR_ENCODE:
		return mrpc_xdr_put_opaque(&cursor, obj, len);
	case XDR_DECODE:
		return mrpc_xdr_get_opaque(&cursor, obj, len);
	case XDR_FREE:
		return TRUE;
	}
	return FALSE;
}

static inline bool_t
xdr_string(XDR *xdrs, char **obj, u_int bound)
{
	struct mrpc_xdr_cursor cursor = { xdrs, 0, NULL };

	switch (xdrs->x_op) {
	case XDR_ENCODE:
		return mrpc_xdr_put_string(&cursor, *obj, bound);
	case XDR_DECODE:
		return mrpc_xdr_get_string(&cursor, obj, bound);
	case XDR_FREE:
		free(*obj);
		*obj = NULL;
		return TRUE;
	}
	return FALSE;
}

/* --- Streams over memory: x_private is the place, x_handy what is left ----- */

/* `len` bytes at the place, which moves on; or NULL. */
static inline char *
mrpc_xdrmem_next(XDR *xdrs, u_int len)
{
	char *at = (char *)xdrs->x_private;

	if (len > xdrs->x_handy)
		return NULL;
	xdrs->x_handy -= len;
	xdrs->x_private = at + len;
	return at;
}

static inline bool_t
mrpc_xdrmem_getbytes(XDR *xdrs, char *to, u_int len)
{
	const char *from = mrpc_xdrmem_next(xdrs, len);

	if (from == NULL)
		return FALSE;
	memcpy(to, from, len);
	return TRUE;
}

static inline bool_t
mrpc_xdrmem_putbytes(XDR *xdrs, const char *from, u_int len)
{
	char *to = mrpc_xdrmem_next(xdrs, len);

	if (to == NULL)
		return FALSE;
	memcpy(to, from, len);
	return TRUE;
}

static inline bool_t
mrpc_xdrmem_getint32(XDR *xdrs, int32_t *value)
{
	unsigned char wire[4];

	if (!mrpc_xdrmem_getbytes(xdrs, (char *)wire, 4))
		return FALSE;
	*value = (int32_t)mrpc_xdr_load32(wire);
	return TRUE;
}

static inline bool_t
mrpc_xdrmem_putint32(XDR *xdrs, const int32_t *value)
{
	unsigned char wire[4];

	mrpc_xdr_store32(wire, (uint32_t)*value);
	return mrpc_xdrmem_putbytes(xdrs, (const char *)wire, 4);
}

static inline bool_t
mrpc_xdrmem_getlong(XDR *xdrs, long *value)
{
	int32_t word;

	if (!mrpc_xdrmem_getint32(xdrs, &word))
		return FALSE;
	*value = word;
	return TRUE;
}

static inline bool_t
mrpc_xdrmem_putlong(XDR *xdrs, const long *value)
{
	int32_t word = (int32_t)*value;

	return mrpc_xdrmem_putint32(xdrs, &word);
}

static inline u_int
mrpc_xdrmem_getpos(XDR *xdrs)
{
	return (u_int)((char *)xdrs->x_private - xdrs->x_base);
}

static inline bool_t
mrpc_xdrmem_setpos(XDR *xdrs, u_int pos)
{
	u_int size = mrpc_xdrmem_getpos(xdrs) + xdrs->x_handy;

	if (pos > size)
		return FALSE;
	xdrs->x_private = xdrs->x_base + pos;
	xdrs->x_handy = size - pos;
	return TRUE;
}

/* rpcgen's code takes it for aligned numbers. */
static inline int32_t *
mrpc_xdrmem_inline(XDR *xdrs, u_int len)
{
	if ((uintptr_t)xdrs->x_private % sizeof(int32_t) != 0)
		return NULL;
	return (int32_t *)(void *)mrpc_xdrmem_next(xdrs, len);
}

static inline void
mrpc_xdrmem_destroy(XDR *xdrs)
{
	(void)xdrs;
}

static inline void
xdrmem_create(XDR *xdrs, char *data, u_int size, enum xdr_op op)
{
	static const struct xdr_ops ops = {
		mrpc_xdrmem_getlong, mrpc_xdrmem_putlong,
		mrpc_xdrmem_getbytes, mrpc_xdrmem_putbytes,
		mrpc_xdrmem_getpos, mrpc_xdrmem_setpos,
		mrpc_xdrmem_inline, mrpc_xdrmem_destroy,
		mrpc_xdrmem_getint32, mrpc_xdrmem_putint32
	};

	xdrs->x_op = op;
	xdrs->x_ops = &ops;
	xdrs->x_public = NULL;
	xdrs->x_private = data;
	xdrs->x_base = data;
	xdrs->x_handy = size;
}

#endif /* MINIRPC_SYSTEM_XDR */

#endif /* MINIRPC_XDR_LIBRARY_INCLUDED */
