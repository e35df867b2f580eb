/* Random payloads, and what is noted while rpcgen's code decodes one. */
#ifndef INPUTS_H
#define INPUTS_H

#include <stddef.h>
#include <stdint.h>
#include <rpc/types.h>
#include <rpc/xdr.h>

/*
 * Payloads are no longer than this, so that no type nests deeper in one than
 * MRPC_XDR_MAX_DEPTH: a level takes four bytes at least.
 */
#define LONGEST 1600

struct trace {
	/* The stream of xdrmem's that a payload is decoded from. */
	XDR *stream;
	/* A string with a NUL byte, which our procedures refuse. */
	int embedded_nul;
	/* How many strings were decoded since the start. */
	unsigned long strings;
};

extern struct trace trace;

void inputs_seed(uint64_t seed);
/* From 0 to `limit` - 1. */
uint32_t inputs_random(uint32_t limit);
/* The next word that the stream makes up is for a count up to `bound`. */
void inputs_count_follows(u_int bound);
/* A payload that `proc` reads completely, made up on the way. */
size_t inputs_valid(bool_t (*proc)(XDR *, void *), void *obj,
	unsigned char *payload);
/* Words without any sense. */
size_t inputs_noise(unsigned char *payload);
/* A few changes, anywhere. */
size_t inputs_mutate(unsigned char *payload, size_t len);

#endif
