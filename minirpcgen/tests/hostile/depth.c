/* Long lists and deep trees, on threads with small stacks. */
#include <limits.h>
#include <pthread.h>
#include "hostile.h"

#define MANY 1000000
/* 8 MiB of a list's payload, or of a tree's. */
#define LONG_PAYLOAD (8u << 20)

/* The sanitizers' own frames need much more. */
#ifdef __SANITIZE_ADDRESS__
#define LIST_STACK (1u << 20)
#define TREE_STACK (4u << 20)
#else
#define LIST_STACK (64u << 10)
#define TREE_STACK (256u << 10)
#endif

static void
on_stack(size_t size, void *(*body)(void *), void *argument)
{
	pthread_attr_t attributes;
	pthread_t thread;

	/* On arm64 a stack has no less than 128 KiB. */
	if (size < (size_t)PTHREAD_STACK_MIN)
		size = (size_t)PTHREAD_STACK_MIN;
	CHECK(pthread_attr_init(&attributes) == 0);
	CHECK(pthread_attr_setstacksize(&attributes, size) == 0);
	if (pthread_create(&thread, &attributes, body, argument) != 0)
		abort();
	CHECK(pthread_join(thread, NULL) == 0);
	CHECK(pthread_attr_destroy(&attributes) == 0);
}

struct job {
	stream_fn *create;
	unsigned char *data;
	size_t len;
	unsigned char *again;
};

static void *
walk_nodes(void *argument)
{
	struct job *job = argument;
	const node *each;
	node_list list = NULL;
	size_t used, count = 0;

	memory_reset();
	CHECK(decode(job->create, PROC(node_list), &list, job->data, job->len,
		&used));
	CHECK(used == job->len);
	for (each = list; each != NULL; each = each->next)
		count += each->value == 7 && each->name[0] == '\0';
	CHECK(count == MANY);
	CHECK(encode(job->create, PROC(node_list), &list, job->again,
		job->len) == (long)job->len);
	CHECK(memcmp(job->data, job->again, job->len) == 0);
	release(PROC(node_list), &list);
	CHECK(list == NULL && memory.blocks == 0);
	return NULL;
}

/* A list that has no end. */
static void *
walk_typed(void *argument)
{
	struct job *job = argument;
	typed_next list = NULL;

	memory_reset();
	CHECK(!decode(job->create, PROC(typed_next), &list, job->data, job->len,
		NULL));
	CHECK(memory.blocks > MANY);
	release(PROC(typed_next), &list);
	CHECK(list == NULL && memory.blocks == 0);
	return NULL;
}

void
lists(void)
{
	struct job job;
	unsigned char *at;
	size_t i;

	job.len = 12 * (size_t)MANY + 4;
	job.data = malloc(job.len);
	job.again = malloc(job.len);
	mrpc_xdr_store32(job.data, 1);
	for (i = 0, at = job.data + 4; i < MANY; i++, at += 12) {
		mrpc_xdr_store32(at, 7);
		mrpc_xdr_store32(at + 4, 0);
		mrpc_xdr_store32(at + 8, i + 1 < MANY);
	}
	for (i = 0; i < 2; i++) {
		job.create = streams[i];
		on_stack(LIST_STACK, walk_nodes, &job);
	}
	for (at = job.data; at < job.data + LONG_PAYLOAD; at += 4)
		mrpc_xdr_store32(at, 1);
	job.len = LONG_PAYLOAD;
	for (i = 0; i < 2; i++) {
		job.create = streams[i];
		on_stack(LIST_STACK, walk_typed, &job);
	}
	free(job.data);
	free(job.again);
}

/* A tree that branches to the left only. */
static size_t
tree_data(unsigned char *data, unsigned levels)
{
	unsigned char *at = data;
	unsigned i;

	for (i = 0; i < levels; i++, at += 8) {
		mrpc_xdr_store32(at, 5);
		mrpc_xdr_store32(at + 4, i + 1 < levels);
	}
	/* And none to the right, anywhere. */
	memset(at, 0, 4 * (size_t)levels);
	return 12 * (size_t)levels;
}

static unsigned
depth_of(const tree *from)
{
	unsigned depth = 0;

	for (; from != NULL; from = from->left)
		depth++;
	return depth;
}

static void *
walk_tree(void *argument)
{
	struct job *job = argument;
	tree root;
	size_t used;

	memset(&root, 0, sizeof root);
	memory_reset();
	job->len = tree_data(job->data, MRPC_XDR_MAX_DEPTH);
	CHECK(decode(job->create, PROC(tree), &root, job->data, job->len,
		&used));
	CHECK(used == job->len);
	CHECK(depth_of(&root) == MRPC_XDR_MAX_DEPTH);
	CHECK(encode(job->create, PROC(tree), &root, job->again,
		job->len) == (long)job->len);
	CHECK(memcmp(job->data, job->again, job->len) == 0);

	/* One more is too deep to be sent. */
	{
		tree above = { 1, &root, NULL };

		CHECK(encode(job->create, PROC(tree), &above, job->again,
			LONG_PAYLOAD) == -1);
	}
	release(PROC(tree), &root);
	CHECK(memory.blocks == 0);

	job->len = tree_data(job->data, MRPC_XDR_MAX_DEPTH + 1);
	CHECK(!decode(job->create, PROC(tree), &root, job->data, job->len,
		NULL));
	release(PROC(tree), &root);
	CHECK(root.left == NULL && memory.blocks == 0);
	return NULL;
}

static void
too_deep(struct job *job, procedure proc, size_t size)
{
	long long object[32];

	memset(object, 0, sizeof object);
	CHECK(size <= sizeof object);
	memory_reset();
	CHECK(!decode(job->create, proc, object, job->data, LONG_PAYLOAD,
		NULL));
	release(proc, object);
	CHECK(memory.blocks == 0);
}

static void *
walk_deep(void *argument)
{
	struct job *job = argument;
	size_t i;

	/* Flags and values, all of them 1. */
	for (i = 0; i < LONG_PAYLOAD; i += 4)
		mrpc_xdr_store32(job->data + i, 1);
	too_deep(job, PROC(tree), sizeof(tree));
	too_deep(job, PROC(ping), sizeof(ping));
	too_deep(job, PROC(pong), sizeof(pong));
	/* Names of no letters, and one entry each. */
	for (i = 0; i < LONG_PAYLOAD; i += 8)
		mrpc_xdr_store32(job->data + i, 0);
	too_deep(job, PROC(directory), sizeof(directory));
	return NULL;
}

void
trees(void)
{
	struct job job;
	size_t i;

	job.data = malloc(LONG_PAYLOAD);
	job.again = malloc(LONG_PAYLOAD);
	for (i = 0; i < 2; i++) {
		job.create = streams[i];
		on_stack(TREE_STACK, walk_tree, &job);
		on_stack(TREE_STACK, walk_deep, &job);
	}
	free(job.data);
	free(job.again);
}
