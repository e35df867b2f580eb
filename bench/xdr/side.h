/* What both generators made of types.x. */
#ifndef SIDE_H
#define SIDE_H

#include <minirpc/xdr.h>

enum { RECORDS, INTS, HYPERS, DOUBLES, POINTS, TYPES };

struct side {
	bool_t (*procedures[TYPES])(XDR *, void *);
	/* An object for each type; all on the heap. */
	void *(*make)(int type);
};

extern const struct side ours, theirs;

#endif
