/*
 * Our procedures beside rpcgen's with libtirpc, over the same memory stream of
 * libtirpc's, in turns. Prints microseconds per object, and the ratio.
 */
#include <stdio.h>
#include <time.h>
#include <rpc/rpc.h>
#include "side.h"

enum { ROUNDS = 15, ROOM = 1 << 18 };
enum { ENCODE, DECODE, WAYS };
enum { OURS, THEIRS, MEMCPY, ROWS };

static const struct {
	const char *name;
	/* How many times as fast as rpcgen's it shall be. */
	double goal;
} types[TYPES] = {
	{ "200 structs with a string, unsigned hyper, two doubles", 2 },
	{ "array of 10,000 ints", 4 },
	{ "array of 10,000 hypers", 4 },
	{ "array of 10,000 doubles", 4 },
	{ "array of 2,500 structs of 4 ints", 4 },
};

static char wire[ROOM], copy[ROOM];
static size_t wire_len;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static void fail(const char *what)
{
	fprintf(stderr, "bench-xdr: %s\n", what);
	exit(1);
}

static void encode(const struct side *side, int type, void *object)
{
	XDR xdrs;

	xdrmem_create(&xdrs, wire, ROOM, XDR_ENCODE);
	if (!side->procedures[type](&xdrs, object))
		fail("does not encode");
	wire_len = xdr_getpos(&xdrs);
}

static void decode(const struct side *side, int type)
{
	long long object[8] = { 0 };
	XDR xdrs;

	xdrmem_create(&xdrs, wire, (u_int)wire_len, XDR_DECODE);
	if (!side->procedures[type](&xdrs, object))
		fail("does not decode");
	xdrs.x_op = XDR_FREE;
	side->procedures[type](&xdrs, object);
}

/* Microseconds for one. */
static double measure(int way, int row, int type, void *object, int count)
{
	const struct side *side = row == OURS ? &ours : &theirs;
	double start = now();

	for (int i = 0; i < count; i++) {
		if (row == MEMCPY) {
			memcpy(copy, wire, wire_len);
			/* It is used, as far as the compiler can tell. */
			__asm__ volatile("" : : "r"(copy) : "memory");
		} else if (way == ENCODE) {
			encode(side, type, object);
		} else {
			decode(side, type);
		}
	}
	return (now() - start) / count;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values)
{
	qsort(values, ROUNDS, sizeof *values, by_value);
	return values[ROUNDS / 2];
}

/* Whether the goal is met. */
static int compare(int way, int type)
{
	static double times[ROWS][ROUNDS];
	void *object = ours.make(type);
	double of[ROWS], ratio;
	int row, round, count;

	encode(&ours, type, object);
	memcpy(copy, wire, wire_len);
	encode(&theirs, type, object);
	if (memcmp(copy, wire, wire_len) != 0)
		fail("the bytes differ");
	count = (int)(4000 / measure(way, THEIRS, type, object, 20)) + 1;
	for (round = 0; round < ROUNDS; round++)
		for (row = 0; row < ROWS; row++)
			times[row][round] = measure(way, row, type, object,
						    count);
	for (row = 0; row < ROWS; row++)
		of[row] = median(times[row]);
	ratio = of[THEIRS] / of[OURS];
	printf("%-55s %-13s %8.2f %8.2f %8.2f %7.1fx %5.0fx %s\n",
	       types[type].name, way == ENCODE ? "encode" : "decode + free",
	       of[OURS], of[THEIRS], of[MEMCPY], ratio, types[type].goal,
	       ratio >= types[type].goal ? "met" : "MISSED");
	return ratio >= types[type].goal;
}

int main(void)
{
	int missed = 0;

	printf("%-55s %-13s %8s %8s %8s %8s %6s\n", "us per object", "",
	       "minirpc", "rpcgen", "memcpy", "ratio", "goal");
	for (int type = 0; type < TYPES; type++)
		for (int way = 0; way < WAYS; way++)
			missed += !compare(way, type);
	return missed != 0;
}
