/*
 * In front of rpcgen's code, by -include: what it calls to allocate goes by way
 * of main.c.
 */
#ifndef TRACE_H
#define TRACE_H

#include <rpc/types.h>
#include <rpc/xdr.h>

bool_t trace_array(XDR *xdrs, char **val, u_int *len, u_int bound, u_int size,
	xdrproc_t proc);
bool_t trace_bytes(XDR *xdrs, char **val, u_int *len, u_int bound);
bool_t trace_string(XDR *xdrs, char **val, u_int bound);

#ifndef TRACE_REAL
#define xdr_array trace_array
#define xdr_bytes trace_bytes
#define xdr_string trace_string
/* Inline, rpcgen's code takes and sends any word for a bool; xdr_bool does not. */
#undef IXDR_GET_BOOL
#define IXDR_GET_BOOL(buf) ((bool_t)(IXDR_GET_LONG(buf) != 0))
#undef IXDR_PUT_BOOL
#define IXDR_PUT_BOOL(buf, value) IXDR_PUT_LONG(buf, (value) != 0)
/* What rpcgen calls for the type bool_t, and no library has. */
#define xdr_bool_t xdr_bool
#endif

#endif
