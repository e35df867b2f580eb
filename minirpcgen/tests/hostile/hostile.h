#ifndef HOSTILE_H
#define HOSTILE_H

#include "language_xdr.h"
#include "../support/check.h"
#include "../support/memory.h"
#include "../support/streams.h"

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
/* An object with a value in every kind of member. */
void fill(arrays *object);

void claims(void);
void truncated(void);
void no_memory(void);
void lists(void);
void trees(void);
void values(void);
void strings(void);
void unions(void);
void callers_memory(void);

#endif
