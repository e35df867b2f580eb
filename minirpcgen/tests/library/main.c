/*
 * What applications call of an XDR library beside their stubs, with no more than a
 * generated header. The same program runs on libtirpc.
 */
#include "first_client.h"
#include "../support/check.h"

unsigned long passed, failed;

static char data[64];

static u_int
encoded(xdrproc_t proc, void *obj)
{
	bool_t (*call)(XDR *, void *) = (bool_t (*)(XDR *, void *))(void (*)(void))proc;
	XDR xdrs;

	memset(data, 0xa5, sizeof data);
	xdrmem_create(&xdrs, data, sizeof data, XDR_ENCODE);
	return call(&xdrs, obj) ? xdr_getpos(&xdrs) : 0;
}

static bool_t
decoded(xdrproc_t proc, void *obj, u_int len)
{
	bool_t (*call)(XDR *, void *) = (bool_t (*)(XDR *, void *))(void (*)(void))proc;
	XDR xdrs;

	xdrmem_create(&xdrs, data, len, XDR_DECODE);
	return call(&xdrs, obj) && xdr_getpos(&xdrs) == len;
}

#define PROC(name) ((xdrproc_t)(void (*)(void))name)

/* There and back, with these bytes between, and not with one byte less. */
#define NUMBER(procedure, type, number, bytes) do { \
		type from = (type)(number), to = (type)0; \
		u_int size = sizeof(bytes) - 1; \
		CHECK(encoded(PROC(procedure), &from) == size); \
		CHECK(memcmp(data, bytes, size) == 0); \
		CHECK((unsigned char)data[size] == 0xa5); \
		CHECK(!decoded(PROC(procedure), &to, size - 1)); \
		CHECK(decoded(PROC(procedure), &to, size) && to == from); \
	} while (0)

static void
numbers(void)
{
	NUMBER(xdr_char, char, 'c', "\0\0\0c");
	NUMBER(xdr_u_char, u_char, 200, "\0\0\0\310");
	NUMBER(xdr_short, short, -2, "\377\377\377\376");
	NUMBER(xdr_u_short, u_short, 0xfffe, "\0\0\377\376");
	NUMBER(xdr_int, int, -3, "\377\377\377\375");
	NUMBER(xdr_u_int, u_int, 0x80000001, "\200\0\0\1");
	NUMBER(xdr_long, long, 4, "\0\0\0\4");
	NUMBER(xdr_u_long, u_long, 0x80000002, "\200\0\0\2");
	NUMBER(xdr_hyper, quad_t, -5, "\377\377\377\377\377\377\377\373");
	NUMBER(xdr_quad_t, quad_t, 6, "\0\0\0\0\0\0\0\6");
	NUMBER(xdr_u_quad_t, u_quad_t, 0x8000000000000001u, "\200\0\0\0\0\0\0\1");
	NUMBER(xdr_float, float, 1, "\77\200\0\0");
	NUMBER(xdr_double, double, -2, "\300\0\0\0\0\0\0\0");
	NUMBER(xdr_bool, bool_t, TRUE, "\0\0\0\1");
	NUMBER(xdr_enum, enum_t, -7, "\377\377\377\371");
	NUMBER(xdr_int8_t, int8_t, -8, "\377\377\377\370");
	NUMBER(xdr_uint8_t, uint8_t, 248, "\0\0\0\370");
	NUMBER(xdr_u_int8_t, uint8_t, 249, "\0\0\0\371");
	NUMBER(xdr_int16_t, int16_t, -9, "\377\377\377\367");
	NUMBER(xdr_uint16_t, uint16_t, 0xfff7, "\0\0\377\367");
	NUMBER(xdr_u_int16_t, uint16_t, 0xfff8, "\0\0\377\370");
	NUMBER(xdr_int32_t, int32_t, -10, "\377\377\377\366");
	NUMBER(xdr_uint32_t, uint32_t, 0xfffffff6, "\377\377\377\366");
	NUMBER(xdr_u_int32_t, uint32_t, 11, "\0\0\0\13");
	NUMBER(xdr_int64_t, int64_t, -12, "\377\377\377\377\377\377\377\364");
	NUMBER(xdr_uint64_t, uint64_t, 13, "\0\0\0\0\0\0\0\15");
	NUMBER(xdr_u_int64_t, uint64_t, 14, "\0\0\0\0\0\0\0\16");
#ifndef MINIRPC_SYSTEM_XDR
	/* libtirpc's streams over memory lose the sign in a long of 64 bits. */
	NUMBER(xdr_long, long, -15, "\377\377\377\361");
#endif
}

static void
bytes(void)
{
	char text[] = "four+", *copy = NULL;
	char *pointer = text;
	XDR xdrs;

	xdrmem_create(&xdrs, data, sizeof data, XDR_ENCODE);
	CHECK(!xdr_string(&xdrs, &pointer, 4));
	xdrmem_create(&xdrs, data, sizeof data, XDR_ENCODE);
	CHECK(xdr_string(&xdrs, &pointer, 5));
	CHECK(xdr_opaque(&xdrs, text, 3) && xdr_void());
	CHECK(xdr_getpos(&xdrs) == 16);
	CHECK(memcmp(data, "\0\0\0\5four+\0\0\0fou\0", 16) == 0);
	xdr_destroy(&xdrs);

	xdrmem_create(&xdrs, data, 16, XDR_DECODE);
	CHECK(xdr_string(&xdrs, &copy, 5) && strcmp(copy, text) == 0);
	memset(text, 'x', 3);
	CHECK(xdr_opaque(&xdrs, text, 3) && strcmp(text, "four+") == 0);
	CHECK(!xdr_opaque(&xdrs, text, 1));
	CHECK(xdr_setpos(&xdrs, 12) && xdr_opaque(&xdrs, text, 4));
	CHECK(!xdr_setpos(&xdrs, 17) && xdr_getpos(&xdrs) == 16);
	xdrs.x_op = XDR_FREE;
	CHECK(xdr_string(&xdrs, &copy, 5) && copy == NULL);
	CHECK(xdr_opaque(&xdrs, text, 4));
}

/* By the stream's own operations. */
static void
operations(void)
{
	long number = -2;
	int32_t *run;
	XDR xdrs;

	xdrmem_create(&xdrs, data, 16, XDR_ENCODE);
	CHECK(XDR_PUTLONG(&xdrs, &number) && XDR_PUTBYTES(&xdrs, "abcd", 4));
	run = XDR_INLINE(&xdrs, 8);
	CHECK(run == (int32_t *)(void *)(data + 8) || run == NULL);
	if (run == NULL)
		CHECK(XDR_SETPOS(&xdrs, 16));
	CHECK(XDR_GETPOS(&xdrs) == 16 && XDR_INLINE(&xdrs, 4) == NULL);
	CHECK(!XDR_PUTLONG(&xdrs, &number) && !XDR_PUTBYTES(&xdrs, "e", 1));
	CHECK(memcmp(data, "\377\377\377\376abcd", 8) == 0);
	xdrmem_create(&xdrs, data, 8, XDR_DECODE);
	number = 0;
	CHECK(XDR_GETLONG(&xdrs, &number) && (int32_t)number == -2);
	CHECK(XDR_GETBYTES(&xdrs, data + 20, 4));
	CHECK(memcmp(data + 20, "abcd", 4) == 0);
	CHECK(!XDR_GETLONG(&xdrs, &number));
	/* Out of line: rpcgen's code could not use it. */
	xdrmem_create(&xdrs, data + 1, 8, XDR_DECODE);
	CHECK(XDR_INLINE(&xdrs, 8) == NULL && XDR_GETPOS(&xdrs) == 0);
	XDR_DESTROY(&xdrs);
}

/* A type of the interface, kept in memory. */
static void
objects(void)
{
	shape from, to, next;
	char title[] = "triangle", more[] = "more";
	point corners[1] = { { 1, -2, BLUE } };
	XDR xdrs;
	u_int len;
	char *room;

	memset(&from, 0, sizeof from);
	memset(&next, 0, sizeof next);
	memset(&to, 0, sizeof to);
	from.title = title;
	from.corners.corners_len = 1;
	from.corners.corners_val = corners;
	from.next = &next;
	next.title = more;
	room = mem_alloc(1000);
	CHECK(room != NULL && room[0] == 0 && room[999] == 0);
	xdrmem_create(&xdrs, room, 1000, XDR_ENCODE);
	CHECK(xdr_shape(&xdrs, &from));
	len = xdr_getpos(&xdrs);
	xdrmem_create(&xdrs, room, len, XDR_DECODE);
	CHECK(xdr_shape(&xdrs, &to) && xdr_getpos(&xdrs) == len);
	CHECK(strcmp(to.title, title) == 0 && to.corners.corners_len == 1);
	CHECK(to.corners.corners_val[0].c == BLUE);
	CHECK(to.next != NULL && strcmp(to.next->title, more) == 0);
	xdr_free((xdrproc_t)(void (*)(void))xdr_shape, (char *)&to);
	CHECK(to.title == NULL && to.next == NULL);
	mem_free(room, 1000);
}

int
main(void)
{
	/* <stdio.h>, <string.h> and others came with the header. */
	struct timeval time;
	struct sockaddr_in address;

	setvbuf(stdout, NULL, _IOLBF, 0);
	CHECK(gettimeofday(&time, NULL) == 0);
	address.sin_port = htons(111);
	CHECK(ntohs(address.sin_port) == 111);
	numbers();
	bytes();
	operations();
	objects();
	printf("%lu passed, %lu failed\n", passed, failed);
	return failed != 0;
}
