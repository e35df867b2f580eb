/*
 * What a program allocates, counted. Link with
 * -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free
 * Not for several threads.
 */
#ifndef TEST_MEMORY_H
#define TEST_MEMORY_H

#include <stddef.h>

struct memory {
	/* Blocks and bytes that are not freed, and the most bytes there were. */
	long blocks;
	size_t bytes;
	size_t peak;
	/* Allocations that were asked for. */
	unsigned long calls;
	/* The one that fails, counted from 1; 0 for none. */
	unsigned long fail;
};

extern struct memory memory;

void memory_reset(void);

#endif
