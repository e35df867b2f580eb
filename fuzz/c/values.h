/*
 * Generated code for every form of the language (minirpcgen/tests/golden/language), as the
 * targets call it.
 */
#ifndef VALUES_H
#define VALUES_H

#include "language_xdr.h"

typedef bool_t (*procedure)(XDR *, void *);
#define PROCEDURE(type) ((procedure)(void (*)(void))xdr_##type)

unsigned values_types(void);
const char *values_name(unsigned type);
/*
 * What the payload, if it is one value of the type and nothing more, encodes to again: the
 * length, or -1. Aborts where the two kinds of streams differ, where a value takes more memory
 * than its payload is worth, or where not all of it is freed.
 */
long values_again(unsigned type, const void *payload, size_t len, void *out, size_t room);
/* The length, or -1. */
long values_encode(procedure proc, const void *value, void *out, size_t room);
/* Into zeroed memory. */
bool_t values_decode(procedure proc, const void *payload, size_t len, void *value);

#endif
