#define TRACE_REAL
#include <string.h>
#include "trace.h"
#include "inputs.h"

struct trace trace;

/*
 * The next word is a count of elements of at least `wire` bytes each. FALSE if
 * the stream cannot hold them: rpcgen's code would allocate them, and then fail.
 */
static bool_t
look(XDR *xdrs, u_int bound, u_int wire, u_int *count)
{
	u_int pos;
	long word;

	*count = 0;
	if (xdrs->x_op != XDR_DECODE)
		return TRUE;
	if (xdrs != trace.stream) {
		inputs_count_follows(bound);
		return TRUE;
	}
	pos = xdr_getpos(xdrs);
	if (!xdr_getlong(xdrs, &word))
		return FALSE;
	*count = (u_int)word;
	/* x_handy is what is left in a stream of xdrmem's. */
	return *count <= xdrs->x_handy / wire && xdr_setpos(xdrs, pos);
}

bool_t
trace_array(XDR *xdrs, char **val, u_int *len, u_int bound, u_int size,
	xdrproc_t proc)
{
	u_int count;

	return look(xdrs, bound, 4, &count) &&
		xdr_array(xdrs, val, len, bound, size, proc);
}

bool_t
trace_bytes(XDR *xdrs, char **val, u_int *len, u_int bound)
{
	u_int count;

	return look(xdrs, bound, 1, &count) &&
		xdr_bytes(xdrs, val, len, bound);
}

bool_t
trace_string(XDR *xdrs, char **val, u_int bound)
{
	u_int count;

	if (!look(xdrs, bound, 1, &count) || !xdr_string(xdrs, val, bound))
		return FALSE;
	if (xdrs->x_op == XDR_DECODE && xdrs == trace.stream) {
		trace.strings++;
		if (strlen(*val) != count)
			trace.embedded_nul = 1;
	}
	return TRUE;
}
