/*
 * Our XDR procedures beside rpcgen's: the same declarations, and the same
 * result for random inputs. differential [inputs [seed]]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include "../support/memory.h"
#include "../support/streams.h"
#include "inputs.h"
#include "records.h"
#include "side.h"

/* Encoded, no object of ours takes more: what it is decoded from is short. */
#define ROOM (1 << 20)

enum stream { INLINE, PLAIN, MEMORY, RECORD, STREAMS };

static const char *const stream_names[STREAMS] = {
	"a stream with inline runs", "a stream without inline runs", "xdrmem",
	"xdrrec"
};

static unsigned long passed, failed, accepted, refused, with_nul;

/* One for each place that has an object, of the largest type's size. */
static struct {
	void *input, *theirs, *ours;
} objects;

/* The case at hand, for reports. */
static const struct type *type;
static unsigned char payload[LONGEST + 8];
static size_t payload_len;
static uint64_t iteration;

static void
report(const char *what, const char *where)
{
	size_t i;

	if (++failed > 10)
		return;
	printf("not ok %s, input %" PRIu64 ", %s: %s\n    ", type->name,
		iteration, where, what);
	for (i = 0; i < payload_len; i++)
		printf("%02x", payload[i]);
	printf("\n");
}

/* --- Declarations ---------------------------------------------------------- */

static void
same(int ok, const char *name, const char *what)
{
	if (ok) {
		passed++;
		return;
	}
	failed++;
	printf("not ok %s: %s differs\n", name, what);
}

static void
compare_declarations(void)
{
	size_t i;

	/* Both are made of the same list. */
	for (i = 0; i < theirs.type_count; i++)
		same(ours.types[i].size == theirs.types[i].size,
			theirs.types[i].name, "the size");
	for (i = 0; i < theirs.member_count; i++)
		same(ours.members[i].offset == theirs.members[i].offset &&
			ours.members[i].size == theirs.members[i].size,
			theirs.members[i].name, "the place or size");
	for (i = 0; i < theirs.value_count; i++)
		same(ours.values[i].value == theirs.values[i].value,
			theirs.values[i].name, "the value");
}

/* --- Streams --------------------------------------------------------------- */

static bool_t
decode(enum stream kind, bool_t (*proc)(XDR *, void *), void *obj,
	size_t *used)
{
	/* Away from where an int could be, and with nothing behind it. */
	static unsigned char copy[LONGEST + 8];
	unsigned char *from = copy + sizeof copy - payload_len;
	struct memory_stream stream;
	XDR xdrs;
	bool_t ok;

	switch (kind) {
	case INLINE:
	case PLAIN:
		memcpy(from, payload, payload_len);
		if (kind == INLINE)
			inline_stream(&stream, XDR_DECODE, from, payload_len);
		else
			plain_stream(&stream, XDR_DECODE, from, payload_len);
		ok = proc(&stream.xdr, obj);
		*used = stream.pos;
		return ok;
	case MEMORY:
		xdrmem_create(&xdrs, (char *)payload, (u_int)payload_len,
			XDR_DECODE);
		ok = proc(&xdrs, obj);
		*used = xdr_getpos(&xdrs);
		return ok;
	default:
		return records_decode(proc, obj, payload, payload_len, used);
	}
}

/* The length, or -1. */
static long
encode(enum stream kind, bool_t (*proc)(XDR *, void *), void *obj,
	unsigned char *out, size_t size)
{
	struct memory_stream stream;
	XDR xdrs;

	switch (kind) {
	case INLINE:
	case PLAIN:
		if (kind == INLINE)
			inline_stream(&stream, XDR_ENCODE, out, size);
		else
			plain_stream(&stream, XDR_ENCODE, out, size);
		return proc(&stream.xdr, obj) ? (long)stream.pos : -1;
	case MEMORY:
		xdrmem_create(&xdrs, (char *)out, (u_int)size, XDR_ENCODE);
		return proc(&xdrs, obj) ? (long)xdr_getpos(&xdrs) : -1;
	default:
		return records_encode(proc, obj, out, size);
	}
}

static void
release(bool_t (*proc)(XDR *, void *), void *obj)
{
	XDR xdrs;

	memset(&xdrs, 0, sizeof xdrs);
	xdrs.x_op = XDR_FREE;
	proc(&xdrs, obj);
}

/* --- One input ------------------------------------------------------------- */

static unsigned char expected[ROOM], made[ROOM];
static long expected_len;

static void
expect_bytes(const char *who, enum stream kind, bool_t (*proc)(XDR *, void *),
	void *obj)
{
	long len = encode(kind, proc, obj, made, sizeof made);
	char what[64];

	if (len == expected_len && memcmp(made, expected, (size_t)len) == 0)
		return;
	snprintf(what, sizeof what, "%s encode otherwise (%ld for %ld bytes)",
		who, len, expected_len);
	report(what, stream_names[kind]);
}

/* With less room than needed, encoding fails and stays within it. */
static void
expect_no_room(enum stream kind, bool_t (*proc)(XDR *, void *), void *obj)
{
	size_t size = inputs_random((uint32_t)expected_len);
	size_t i;

	memset(made, 0xa5, (size_t)expected_len);
	if (encode(kind, proc, obj, made, size) != -1)
		report("encodes into too little room", stream_names[kind]);
	for (i = size; i < (size_t)expected_len; i++)
		if (made[i] != 0xa5) {
			report("writes past the room", stream_names[kind]);
			return;
		}
}

static void
expect_freed(const void *obj, const char *where)
{
	const struct pointer *pointer;
	const void *value;
	size_t i;

	if (memory.blocks != 0)
		report("memory is left after XDR_FREE", where);
	for (i = 0; i < ours.pointer_count; i++) {
		pointer = &ours.pointers[i];
		if (strcmp(pointer->type, type->name) != 0)
			continue;
		memcpy(&value, (const char *)obj + pointer->offset,
			sizeof value);
		if (value != NULL)
			report("a pointer is left after XDR_FREE", where);
	}
}

static void
compare_stream(enum stream kind, const struct type *own, int ok, void *reference,
	size_t reference_used)
{
	void *object = objects.ours;
	size_t used;
	int own_ok;

	memset(object, 0, own->size);
	memory_reset();
	own_ok = decode(kind, own->xdr, object, &used);
	/* Objects are larger than their bytes by what their types say. */
	if (memory.peak > 65536 + 512 * payload_len ||
	    (payload_len <= 12 && memory.peak > 65536))
		report("allocates too much", stream_names[kind]);
	if (own_ok != ok) {
		report(own_ok ? "accepted by us" : "refused by us",
			stream_names[kind]);
	} else if (ok) {
		if (used != reference_used)
			report("another length is used up", stream_names[kind]);
		expect_bytes("we", kind, own->xdr, object);
		/* Each other's objects, which are the same in memory. */
		expect_bytes("we, theirs", kind, own->xdr, reference);
		expect_bytes("they, ours", MEMORY, type->xdr, object);
		if (kind != RECORD && expected_len > 0)
			expect_no_room(kind, own->xdr, object);
	}
	release(own->xdr, object);
	expect_freed(object, stream_names[kind]);
}

static void
compare(size_t which)
{
	void *object = objects.theirs;
	unsigned long before = failed;
	enum stream kind;
	size_t used;
	XDR xdrs;
	int ok;

	type = &theirs.types[which];
	memset(object, 0, type->size);
	xdrmem_create(&xdrs, (char *)payload, (u_int)payload_len, XDR_DECODE);
	trace.stream = &xdrs;
	trace.embedded_nul = 0;
	ok = type->xdr(&xdrs, object);
	trace.stream = NULL;
	used = xdr_getpos(&xdrs);
	if (ok) {
		expected_len = encode(MEMORY, type->xdr, object, expected,
			sizeof expected);
		if (expected_len < 0)
			report("they do not encode what they decoded", "xdrmem");
	}
	/* They take a string with a NUL byte, and would send it on shorter. */
	if (ok && trace.embedded_nul) {
		with_nul++;
		ok = FALSE;
	}
	*(ok ? &accepted : &refused) += 1;
	for (kind = 0; kind < STREAMS; kind++)
		compare_stream(kind, &ours.types[which], ok, object, used);
	release(type->xdr, object);
	if (failed == before)
		passed++;
}

static void
make_input(const struct type *of)
{
	void *object = objects.input;

	type = of;
	if (inputs_random(16) == 0) {
		payload_len = inputs_noise(payload);
		return;
	}
	memset(object, 0, of->size);
	payload_len = inputs_valid(of->xdr, object, payload);
	release(of->xdr, object);
	if (inputs_random(3) != 0)
		payload_len = inputs_mutate(payload, payload_len);
}

int
main(int argc, char **argv)
{
	uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 0) : 100000;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0)
				 : (uint64_t)time(NULL);
	size_t i, largest = 1;
#ifndef __SANITIZE_ADDRESS__
	struct rlimit limit = { 256 << 20, 256 << 20 };

	if (setrlimit(RLIMIT_AS, &limit) != 0)
		return 2;
#endif

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("seed %" PRIu64 " (SEED=%" PRIu64 " repeats this)\n", seed, seed);
	compare_declarations();
	for (i = 0; i < theirs.type_count; i++)
		if (theirs.types[i].size > largest)
			largest = theirs.types[i].size;
	objects.input = malloc(largest);
	objects.theirs = malloc(largest);
	objects.ours = malloc(largest);
	if (!objects.input || !objects.theirs || !objects.ours)
		return 2;
	for (iteration = 0; iteration < count; iteration++) {
		/* Any input can be made again without those before it. */
		inputs_seed(seed + iteration);
		i = inputs_random((uint32_t)theirs.type_count);
		make_input(&theirs.types[i]);
		compare(i);
	}
	printf("%lu accepted, %lu refused, %lu of them for a NUL byte\n",
		accepted, refused, with_nul);
	/* Else the inputs would prove nothing. */
	if (count >= 1000 && (accepted < count / 10 || refused < count / 10 ||
			      (trace.strings > 0 && with_nul == 0))) {
		printf("not ok the inputs are too much of one kind\n");
		failed++;
	}
	free(objects.input);
	free(objects.theirs);
	free(objects.ours);
	printf("%lu passed, %lu failed\n", passed, failed);
	return failed != 0;
}
