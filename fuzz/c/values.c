#include <malloc.h>
#include <stdlib.h>
#include "values.h"
#include "streams.h"

/*
 * What a payload may take: so many times its length, and a first step of two arrays for each
 * level of nesting that it can announce, by the two words of a list in a list.
 */
#define TIMES 300
#define LEVEL (2 * MRPC_XDR_FIRST_STEP)

static const struct {
	const char *name;
	procedure proc;
	size_t size;
} types[] = {
#define TYPE(type) { #type, PROCEDURE(type), sizeof(type) },
#include "list.h"
};

/* Of what the generated code allocates, which is compiled to call these. */
static size_t held, most;
static long blocks;

void *counted_malloc(size_t size);
void *counted_calloc(size_t count, size_t size);
void *counted_realloc(void *old, size_t size);
void counted_free(void *old);

static void *
taken(void *block)
{
	if (block != NULL) {
		blocks++;
		held += malloc_usable_size(block);
		if (held > most)
			most = held;
	}
	return block;
}

static void
given(void *block)
{
	if (block != NULL) {
		blocks--;
		held -= malloc_usable_size(block);
	}
}

void *
counted_malloc(size_t size)
{
	return taken(malloc(size));
}

void *
counted_calloc(size_t count, size_t size)
{
	return taken(calloc(count, size));
}

void *
counted_realloc(void *old, size_t size)
{
	void *block;

	given(old);
	block = realloc(old, size);
	if (block == NULL)
		taken(old);
	return taken(block);
}

void
counted_free(void *old)
{
	given(old);
	free(old);
}

unsigned
values_types(void)
{
	return sizeof types / sizeof types[0];
}

const char *
values_name(unsigned type)
{
	return types[type].name;
}

long
values_encode(procedure proc, const void *value, void *out, size_t room)
{
	struct memory_stream stream;

	inline_stream(&stream, XDR_ENCODE, out, room);
	return proc(&stream.xdr, (void *)(uintptr_t)value) ? (long)stream.pos : -1;
}

bool_t
values_decode(procedure proc, const void *payload, size_t len, void *value)
{
	struct memory_stream stream;

	/* Nothing is written to it. */
	inline_stream(&stream, XDR_DECODE, (void *)(uintptr_t)payload, len);
	return proc(&stream.xdr, value) && stream.pos == len;
}

static void
check(int holds, const char *what, unsigned type)
{
	if (!holds) {
		fprintf(stderr, "%s: %s\n", types[type].name, what);
		abort();
	}
}

/* The place in the stream at which decoding ended well, or -1. */
static long
decode(unsigned type, int with_runs, const void *payload, size_t len, void *value)
{
	struct memory_stream stream;
	size_t levels;

	(with_runs ? inline_stream : plain_stream)(&stream, XDR_DECODE,
		(void *)(uintptr_t)payload, len);
	held = most = 0;
	blocks = 0;
	if (!types[type].proc(&stream.xdr, value))
		stream.pos = (size_t)-1;
	levels = 1 + len / 8;
	if (levels > MRPC_XDR_MAX_DEPTH)
		levels = MRPC_XDR_MAX_DEPTH;
	check(most <= TIMES * len + levels * LEVEL, "more memory than the payload is worth", type);
	return (long)stream.pos;
}

static void
release(unsigned type, void *value)
{
	XDR xdrs;

	memset(&xdrs, 0, sizeof xdrs);
	xdrs.x_op = XDR_FREE;
	check(types[type].proc(&xdrs, value), "cannot be freed", type);
	check(blocks == 0, "not all of it is freed", type);
	free(value);
}

long
values_again(unsigned type, const void *payload, size_t len, void *out, size_t room)
{
	struct memory_stream stream;
	void *value, *other;
	long end, again = -1;
	unsigned char *copy;

	/* With nothing behind it. */
	value = calloc(1, types[type].size);
	other = calloc(1, types[type].size);
	check(value != NULL && other != NULL, "no memory", type);
	end = decode(type, 1, payload, len, value);
	if (end == (long)len) {
		again = values_encode(types[type].proc, value, out, room);
		check(again >= 0, "does not encode", type);
		/* Nor where there is too little room. */
		if (again > 0) {
			copy = malloc((size_t)again);
			check(copy != NULL, "no memory", type);
			check(values_encode(types[type].proc, value, copy, (size_t)again - 1) < 0,
				"encodes into less room than it takes", type);
			plain_stream(&stream, XDR_ENCODE, copy, (size_t)again);
			check(types[type].proc(&stream.xdr, value) &&
				memcmp(copy, out, (size_t)again) == 0,
				"encodes otherwise to another stream", type);
			free(copy);
		}
	}
	release(type, value);
	check(decode(type, 0, payload, len, other) == end,
		"decodes otherwise from another stream", type);
	release(type, other);
	return again;
}
