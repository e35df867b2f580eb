#include <malloc.h>
#include <stdint.h>
#include <string.h>
#include "memory.h"

struct memory memory;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void __real_free(void *old);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void __wrap_free(void *old);

void
memory_reset(void)
{
	memset(&memory, 0, sizeof memory);
}

/* What is asked for counts also when there is not so much. */
static int
fails(size_t size)
{
	if (size > SIZE_MAX - memory.bytes)
		memory.peak = SIZE_MAX;
	else if (memory.bytes + size > memory.peak)
		memory.peak = memory.bytes + size;
	return ++memory.calls == memory.fail;
}

static void *
taken(void *block)
{
	if (block == NULL)
		return NULL;
	memory.blocks++;
	memory.bytes += malloc_usable_size(block);
	if (memory.bytes > memory.peak)
		memory.peak = memory.bytes;
	return block;
}

static void
given(void *block)
{
	memory.blocks--;
	memory.bytes -= malloc_usable_size(block);
}

void *
__wrap_malloc(size_t size)
{
	return fails(size) ? NULL : taken(__real_malloc(size));
}

void *
__wrap_calloc(size_t count, size_t size)
{
	return fails(count * size) ? NULL : taken(__real_calloc(count, size));
}

void *
__wrap_realloc(void *old, size_t size)
{
	size_t before = old != NULL ? malloc_usable_size(old) : 0;
	void *block;

	if (fails(size))
		return NULL;
	block = __real_realloc(old, size);
	if (block == NULL)
		return NULL;
	if (old != NULL) {
		memory.blocks--;
		memory.bytes -= before;
	}
	return taken(block);
}

void
__wrap_free(void *old)
{
	if (old == NULL)
		return;
	given(old);
	__real_free(old);
}
