/*
 * XDR streams over memory, for tests: one that gives inline runs of its memory
 * and one that never does. Neither reads or writes past its size.
 */
#ifndef TEST_STREAMS_H
#define TEST_STREAMS_H

#include <minirpc/xdr.h>

struct memory_stream {
	XDR xdr;
	unsigned char *data;
	size_t size;
	size_t pos;
	/* Inline runs that were given. */
	unsigned long runs;
};

void inline_stream(struct memory_stream *stream, enum xdr_op op, void *data,
	size_t size);
void plain_stream(struct memory_stream *stream, enum xdr_op op, void *data,
	size_t size);

#endif
