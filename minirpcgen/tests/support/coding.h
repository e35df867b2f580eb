/* XDR procedures over both kinds of streams, and payloads word by word. */
#ifndef CODING_H
#define CODING_H

#include <minirpc/xdr.h>
#include "streams.h"

typedef bool_t (*procedure)(XDR *, void *);

#define PROC(T) ((procedure)(void (*)(void))xdr_##T)

/* Both kinds of streams. */
typedef void (stream_fn)(struct memory_stream *, enum xdr_op, void *, size_t);
extern stream_fn *const streams[2];

/* Big-endian words, one after the other. */
struct words {
	unsigned char data[8192];
	size_t len;
};

void add_word(struct words *to, uint32_t word);
void add_bytes(struct words *to, const void *from, size_t len);
/* Starts with these `count` words. */
void set_words(struct words *to, size_t count, ...);

/* Decodes `len` bytes; `*used` may be NULL. */
bool_t decode(stream_fn *create, procedure proc, void *obj, const void *data,
	size_t len, size_t *used);
/* The length, or -1. */
long encode(stream_fn *create, procedure proc, const void *obj, void *out,
	size_t size);
void release(procedure proc, void *obj);

#endif
