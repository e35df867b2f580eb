/*
 * Fixed single-threaded paths through generated code, for bench/guard, which
 * counts the instructions below `counted`. Without an argument: lists them.
 */
#include "bench_xdr.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RECORDS = 200, NUMBERS = 10000, BLOB = 64, SMALL_CALLS = 100 };

/* A memory stream: what the library's own streams offer. */
static char memory[1 << 17];
static XDR stream;

static char *take(u_int n)
{
	char *p = stream.x_private;

	if (n > stream.x_handy)
		return NULL;
	stream.x_private = p + n;
	stream.x_handy -= n;
	return p;
}

static int32_t *mem_inline(XDR *x, u_int n)
{
	(void)x;
	return (int32_t *)(void *)take(n);
}

static bool_t mem_getbytes(XDR *x, char *to, u_int n)
{
	char *p = take(n);

	(void)x;
	if (p)
		memcpy(to, p, n);
	return p != NULL;
}

static bool_t mem_putbytes(XDR *x, const char *from, u_int n)
{
	char *p = take(n);

	(void)x;
	if (p)
		memcpy(p, from, n);
	return p != NULL;
}

static bool_t mem_getlong(XDR *x, long *value)
{
	unsigned char *p = (unsigned char *)take(4);

	(void)x;
	if (p)
		*value = (int32_t)mrpc_xdr_load32(p);
	return p != NULL;
}

static bool_t mem_putlong(XDR *x, const long *value)
{
	unsigned char *p = (unsigned char *)take(4);

	(void)x;
	if (p)
		mrpc_xdr_store32(p, (uint32_t)*value);
	return p != NULL;
}

static const struct xdr_ops operations = {
	.x_getlong = mem_getlong,
	.x_putlong = mem_putlong,
	.x_getbytes = mem_getbytes,
	.x_putbytes = mem_putbytes,
	.x_inline = mem_inline,
};

static void rewind_to(enum xdr_op op)
{
	stream.x_op = op;
	stream.x_ops = &operations;
	stream.x_private = stream.x_base = memory;
	stream.x_handy = sizeof memory;
}

static void must(bool_t done)
{
	if (!done) {
		fputs("an XDR procedure failed\n", stderr);
		exit(1);
	}
}


static record record_list[RECORDS];
static num number_list[NUMBERS];
static char bytes[BLOB];
static records many = { RECORDS, record_list };
static numbers ints = { NUMBERS, number_list };
static blob opaque = { BLOB, bytes };

static void encode_num(void)
{
	num n = 5;

	for (int i = 0; i < SMALL_CALLS; i++) {
		rewind_to(XDR_ENCODE);
		must(xdr_num(&stream, &n));
	}
}

static void decode_num(void)
{
	num n;

	for (int i = 0; i < SMALL_CALLS; i++) {
		rewind_to(XDR_DECODE);
		must(xdr_num(&stream, &n));
	}
}

static void encode_records(void)
{
	rewind_to(XDR_ENCODE);
	must(xdr_records(&stream, &many));
}

static void decode_and_free_records(void)
{
	records got = { 0, NULL };

	rewind_to(XDR_DECODE);
	must(xdr_records(&stream, &got));
	stream.x_op = XDR_FREE;
	must(xdr_records(&stream, &got));
}

static void encode_numbers(void)
{
	rewind_to(XDR_ENCODE);
	must(xdr_numbers(&stream, &ints));
}

static void decode_and_free_numbers(void)
{
	numbers got = { 0, NULL };

	rewind_to(XDR_DECODE);
	must(xdr_numbers(&stream, &got));
	stream.x_op = XDR_FREE;
	must(xdr_numbers(&stream, &got));
}

static void encode_blob(void)
{
	for (int i = 0; i < SMALL_CALLS; i++) {
		rewind_to(XDR_ENCODE);
		must(xdr_blob(&stream, &opaque));
	}
}

static void decode_and_free_blob(void)
{
	blob got = { 0, NULL };

	for (int i = 0; i < SMALL_CALLS; i++) {
		rewind_to(XDR_DECODE);
		must(xdr_blob(&stream, &got));
		stream.x_op = XDR_FREE;
		must(xdr_blob(&stream, &got));
	}
}

/* A decoding path finds what the encoding path before it left. */
static const struct {
	const char *name;
	void (*run)(void);
} paths[] = {
	{ "encode_num", encode_num },
	{ "decode_num", decode_num },
	{ "encode_records", encode_records },
	{ "decode_and_free_records", decode_and_free_records },
	{ "encode_numbers", encode_numbers },
	{ "decode_and_free_numbers", decode_and_free_numbers },
	{ "encode_blob", encode_blob },
	{ "decode_and_free_blob", decode_and_free_blob },
};

void counted(void (*path)(void));

__attribute__((noinline)) void counted(void (*path)(void))
{
	path();
}

int main(int argc, char **argv)
{
	for (int i = 0; i < RECORDS; i++)
		record_list[i] = (record){ "a record's name", (u_quad_t)i << 33, i * 0.5, i };
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		if (argc < 2) {
			puts(paths[i].name);
			continue;
		}
		paths[i].run(); /* fills the allocator and binds symbols */
		if (!strcmp(argv[1], paths[i].name)) {
			counted(paths[i].run);
			return 0;
		}
	}
	return argc >= 2;
}
