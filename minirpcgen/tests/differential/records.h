/* libtirpc's record streams over memory. */
#ifndef RECORDS_H
#define RECORDS_H

#include <stddef.h>
#include <rpc/types.h>
#include <rpc/xdr.h>

/* Decodes from `payload`, in fragments and read in portions of random sizes.
 * Tells how many bytes were used up. */
bool_t records_decode(bool_t (*proc)(XDR *, void *), void *obj,
	const unsigned char *payload, size_t len, size_t *used);
/* Encodes to `out`, without the record marks; the length, or -1. */
long records_encode(bool_t (*proc)(XDR *, void *), void *obj,
	unsigned char *out, size_t size);

#endif
