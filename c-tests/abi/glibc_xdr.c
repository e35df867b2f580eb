/*
 * The XDR procedures of glibc itself, which old programs are linked to by their
 * old symbol versions, over our streams: they use the slots 8 and 9 of the
 * operations for what libtirpc's use 0 and 1.
 */
#define _GNU_SOURCE
#include "byhand.h"

#include <dlfcn.h>

typedef bool_t (plain_fn)(XDR *, void *);
typedef bool_t (bounded_fn)(XDR *, void *, unsigned);

static void *find(const char *name)
{
	static const char *const versions[] = { "GLIBC_2.2.5", "GLIBC_2.17", "GLIBC_2.27", "GLIBC_2.2" };
	void *symbol = NULL;
	size_t i;

	for (i = 0; i < sizeof(versions) / sizeof(versions[0]) && symbol == NULL; i++)
		symbol = dlvsym(RTLD_DEFAULT, name, versions[i]);
	if (symbol == NULL)
		tap_skip("glibc has no %s any more", name);
	return symbol;
}

static struct {
	plain_fn *i, *ui, *l, *ul, *s, *us, *h, *uh, *i32, *u32, *i64, *b, *e, *f, *d, *c, *wrap;
	bounded_fn *string, *opaque;
	bool_t (*bytes)(XDR *, char **, unsigned *, unsigned);
	bool_t (*array)(XDR *, char **, unsigned *, unsigned, unsigned, plain_fn *);
	bool_t (*vector)(XDR *, char *, unsigned, unsigned, plain_fn *);
	bool_t (*pointer)(XDR *, char **, unsigned, plain_fn *);
	bool_t (*reference)(XDR *, char **, unsigned, plain_fn *);
	void (*free_it)(plain_fn *, char *);
} g;

struct all {
	int i; unsigned ui; long l; unsigned long ul; short s; unsigned short us;
	int64_t h; uint64_t uh; int32_t i32; uint32_t u32; int64_t i64; bool_t b; int e;
	float f; double d; char c;
	char *string; char opaque[5];
	char *bytes; unsigned bytes_len;
	char *array; unsigned array_len;
	int vector[3];
	char *pointer, *nothing, *reference;
	char *wrap;
};

static bool_t all(XDR *x, struct all *a)
{
	return g.i(x, &a->i) && g.ui(x, &a->ui) && g.l(x, &a->l) && g.ul(x, &a->ul) &&
		g.s(x, &a->s) && g.us(x, &a->us) && g.h(x, &a->h) && g.uh(x, &a->uh) &&
		g.i32(x, &a->i32) && g.u32(x, &a->u32) && g.i64(x, &a->i64) &&
		g.b(x, &a->b) && g.e(x, &a->e) && g.f(x, &a->f) && g.d(x, &a->d) &&
		g.c(x, &a->c) && g.string(x, &a->string, 100) && g.opaque(x, a->opaque, 5) &&
		g.bytes(x, &a->bytes, &a->bytes_len, 10) &&
		g.array(x, &a->array, &a->array_len, 1000, sizeof(int), g.i) &&
		g.vector(x, (char *)a->vector, 3, sizeof(int), g.i) &&
		g.pointer(x, &a->pointer, sizeof(int), g.i) &&
		g.pointer(x, &a->nothing, sizeof(int), g.i) &&
		g.reference(x, &a->reference, sizeof(int64_t), g.h) && g.wrap(x, &a->wrap);
}

static void bind_all(void)
{
	g.i = find("xdr_int"), g.ui = find("xdr_u_int"), g.l = find("xdr_long");
	g.ul = find("xdr_u_long"), g.s = find("xdr_short"), g.us = find("xdr_u_short");
	g.h = find("xdr_hyper"), g.uh = find("xdr_u_hyper"), g.i32 = find("xdr_int32_t");
	g.u32 = find("xdr_uint32_t"), g.i64 = find("xdr_int64_t"), g.b = find("xdr_bool");
	g.e = find("xdr_enum"), g.f = find("xdr_float"), g.d = find("xdr_double");
	g.c = find("xdr_char"), g.wrap = find("xdr_wrapstring");
	g.string = find("xdr_string"), g.opaque = find("xdr_opaque");
	g.bytes = find("xdr_bytes"), g.array = find("xdr_array"), g.vector = find("xdr_vector");
	g.pointer = find("xdr_pointer"), g.reference = find("xdr_reference");
	g.free_it = find("xdr_free");
}

static const unsigned char wire[] = {
	0xff, 0xff, 0xff, 0xfb, 0xff, 0xff, 0xff, 0xfa,         /* -5, 2^32-6 */
	0xff, 0xff, 0xff, 0xf9, 0, 0, 0, 8,                     /* -7, 8 */
	0xff, 0xff, 0xff, 0xf7, 0, 0, 0xff, 0xf6,               /* -9, 65526 */
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xf5,         /* -11 */
	0x80, 0, 0, 0, 0, 0, 0, 12,
	0xff, 0xff, 0xff, 0xf3, 0x80, 0, 0, 14,                 /* -13 */
	0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
	0, 0, 0, 1, 0, 0, 0, 3,                                 /* TRUE, 3 */
	0x3f, 0xc0, 0, 0, 0xc0, 0x04, 0, 0, 0, 0, 0, 0,         /* 1.5, -2.5 */
	0, 0, 0, 'c', 0, 0, 0, 6, 's', 't', 'r', 'i', 'n', 'g', 0, 0,
	'o', 'p', 'a', 'q', 'u', 0, 0, 0, 0, 0, 0, 3, 1, 2, 3, 0,
	0, 0, 0, 4, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 3, 0, 0, 0, 4,
	0, 0, 0, 7, 0, 0, 0, 8, 0, 0, 0, 9,
	0, 0, 0, 1, 0xff, 0xff, 0xff, 0xfe, 0, 0, 0, 0,         /* present, absent */
	0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 4, 'w', 'r', 'a', 'p'
};

static void look(int cmd, void *in)
{
	static const int array[] = { 1, -1, 3, 4 };
	const struct all *a = in;

	(void)cmd;
	CHECK_EQ(a->i, -5);
	CHECK_EQ(a->ui, 4294967290u);
	CHECK_EQ(a->l, -7);
	CHECK_EQ(a->ul, 8);
	CHECK_EQ(a->s, -9);
	CHECK_EQ(a->us, 65526);
	CHECK_EQ(a->h, -11);
	CHECK(a->uh == 0x800000000000000cULL);
	CHECK_EQ(a->i32, -13);
	CHECK_EQ(a->u32, 0x8000000eu);
	CHECK_EQ(a->i64, 0x0123456789abcdefLL);
	CHECK_EQ(a->b, TRUE);
	CHECK_EQ(a->e, 3);
	CHECK(a->f == 1.5f && a->d == -2.5);
	CHECK_EQ(a->c, 'c');
	CHECK_STR(a->string, "string");
	CHECK_MEM(a->opaque, "opaqu", 5);
	CHECK_EQ(a->bytes_len, 3);
	CHECK_MEM(a->bytes, "\1\2\3", 3);
	CHECK_EQ(a->array_len, 4);
	CHECK_MEM(a->array, array, sizeof(array));
	CHECK_EQ(a->vector[2], 9);
	CHECK(a->pointer != NULL && *(int *)a->pointer == -2);
	CHECK_PTR(a->nothing, NULL);
	CHECK(a->reference != NULL && *(int64_t *)a->reference == 0x100000002LL);
	CHECK_STR(a->wrap, "wrap");
}

int main(void)
{
	static const struct kind list[] = { KIND(all, struct all) };
	unsigned char damaged[sizeof(wire)];
	struct leaks leaks;
	struct all in, *out = NULL;
	struct pair p;
	struct hand h;
	size_t len;
	int i;

	bind_all();
	leaks_begin(&leaks);
	KINDS(list);
	hand_look = look;

	SECTION("every procedure decodes and encodes: a request and its reply");
	hand_open(&h);
	for (i = 0; i < 10; i++)
		HAND_ECHO(&h, 1, wire, sizeof(wire));

	SECTION("cut anywhere, it does not decode, and nothing leaks");
	hand_look = NULL;
	/* On XDR_FREE, glibc measures strings that it has not read to the end. */
	for (len = strcmp(test_mode(), "valgrind") == 0 ? sizeof(wire) : 0; len < sizeof(wire); len += 4)
		HAND_REFUSED(&h, 1, wire, len);
	memcpy(damaged, wire, sizeof(wire));
	memcpy(memmem(damaged, sizeof(damaged), "\0\0\0\3\1\2\3\0", 8), "\0\0\0\13", 4);
	HAND_REFUSED(&h, 1, damaged, sizeof(wire));
	HAND_ECHO(&h, 1, wire, sizeof(wire));
	hand_close(&h);

	SECTION("calls of our own, both ways");
	hand_look = look;
	hand_pair(&p);
	memset(&in, 0, sizeof(in));
	in.i = -5, in.ui = 4294967290u, in.l = -7, in.ul = 8, in.s = -9, in.us = 65526;
	in.h = -11, in.uh = 0x800000000000000cULL, in.i32 = -13, in.u32 = 0x8000000eu;
	in.i64 = 0x0123456789abcdefLL, in.b = TRUE, in.e = 3, in.f = 1.5f, in.d = -2.5, in.c = 'c';
	in.string = (char *)"string", memcpy(in.opaque, "opaqu", 5);
	in.bytes = (char *)"\1\2\3", in.bytes_len = 3;
	in.array = (char *)(int[]){ 1, -1, 3, 4 }, in.array_len = 4;
	in.vector[0] = 7, in.vector[1] = 8, in.vector[2] = 9;
	in.pointer = (char *)(int[]){ -2 }, in.reference = (char *)(int64_t[]){ 0x100000002LL };
	in.wrap = (char *)"wrap";
	for (i = 0; i < 10; i++) {
		CHECK_EQ(i % 2 ? mrpc_send_request(hand_client, p.client, 1, &in, (void **)&out)
			       : mrpc_send_request(hand_server, p.server, 1, &in, (void **)&out),
			 MINIRPC_OK);
		REQUIRE(out != NULL);
		look(1, out);
		g.free_it((plain_fn *)all, (char *)out);
		CHECK_PTR(out->string, NULL);
		free(out);
	}
	pair_close(&p);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
