/* What both generators made of one file, in one shape. */
#ifndef SIDE_H
#define SIDE_H

#include <stddef.h>
#include <minirpc/xdr.h>

struct type {
	const char *name;
	size_t size;
	bool_t (*xdr)(XDR *, void *);
};

struct member {
	const char *name;
	size_t offset;
	size_t size;
};

/* A pointer that XDR_FREE leaves NULL. */
struct pointer {
	const char *type;
	size_t offset;
};

struct value {
	const char *name;
	long value;
};

struct side {
	const struct type *types;
	const struct member *members;
	const struct pointer *pointers;
	const struct value *values;
	size_t type_count;
	size_t member_count;
	size_t pointer_count;
	size_t value_count;
};

extern const struct side ours, theirs;

#endif
