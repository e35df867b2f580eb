/*
 * minirpc/xdr.h: the XDR types, and all that code made by minirpcgen needs.
 *
 * The types are the system's where <rpc/xdr.h> can be included (libtirpc, or
 * glibc before 2.32), else declarations of the same layout, and the functions of
 * <minirpc/xdr_library.h>. Define MINIRPC_OWN_XDR to have the latter in any case.
 *
 * Everything else is static inline and works on a stream's operations table
 * alone, so that generated code calls no function of an XDR library. But for two
 * functions of libminirpc's own, where they are there: mrpc_xdr_claim, mrpc_xdr_lend.
 */
#ifndef MINIRPC_XDR_INCLUDED
#define MINIRPC_XDR_INCLUDED

#include <sys/types.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if !defined(MINIRPC_OWN_XDR) && defined(__has_include)
#if __has_include(<rpc/xdr.h>)
#define MINIRPC_SYSTEM_XDR 1
#if __has_include(<rpc/rpc.h>)
/* Headers made by minirpcgen include it then, as those made by rpcgen do. */
#define MINIRPC_SYSTEM_RPC 1
#endif
#endif
#endif

#ifdef MINIRPC_SYSTEM_XDR

#include <rpc/types.h>
#include <rpc/xdr.h>

#else

/* What <sys/types.h> leaves out in a strict mode of the compiler. */
#if defined(__GLIBC__)
#ifndef __u_char_defined
#define MINIRPC_BSD_TYPES 1
#define __u_char_defined
#endif
#elif defined(__linux__) && !defined(_GNU_SOURCE) && !defined(_BSD_SOURCE)
#define MINIRPC_BSD_TYPES 1
#endif
#ifdef MINIRPC_BSD_TYPES
typedef unsigned char u_char;
typedef unsigned short u_short;
typedef unsigned int u_int;
typedef unsigned long u_long;
#ifdef __GLIBC__
typedef __quad_t quad_t;
typedef __u_quad_t u_quad_t;
#else
typedef int64_t quad_t;
typedef uint64_t u_quad_t;
#endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef int32_t bool_t;
typedef int32_t enum_t;

#ifndef FALSE
#define FALSE (0)
#endif
#ifndef TRUE
#define TRUE (1)
#endif

enum xdr_op {
	XDR_ENCODE = 0,
	XDR_DECODE = 1,
	XDR_FREE = 2
};

typedef struct minirpc_xdr_stream XDR;

struct xdr_ops {
	bool_t (*x_getlong)(XDR *, long *);
	bool_t (*x_putlong)(XDR *, const long *);
	bool_t (*x_getbytes)(XDR *, char *, u_int);
	bool_t (*x_putbytes)(XDR *, const char *, u_int);
	u_int (*x_getpostn)(XDR *);
	bool_t (*x_setpostn)(XDR *, u_int);
	int32_t *(*x_inline)(XDR *, u_int);
	void (*x_destroy)(XDR *);
	bool_t (*x_getint32)(XDR *, int32_t *);
	bool_t (*x_putint32)(XDR *, const int32_t *);
};

struct minirpc_xdr_stream {
	enum xdr_op x_op;
	const struct xdr_ops *x_ops;
	char *x_public;
	void *x_private;
	char *x_base;
	u_int x_handy;
};

typedef bool_t (*xdrproc_t)(XDR *, ...);

#ifdef __cplusplus
}
#endif

#endif /* MINIRPC_SYSTEM_XDR */

/* An XDR procedure of any type, as the tables of a protocol hold it. */
#define MRPC_XDRPROC(proc) ((xdrproc_t)(void (*)(void))(proc))

/*
 * How deep trees and other recursive types may nest. Lists do not count: they
 * are walked in a loop. Each level costs a stack frame or two.
 */
#ifndef MRPC_XDR_MAX_DEPTH
#define MRPC_XDR_MAX_DEPTH 512
#endif

/* What an array's first step allocates at most before its elements came. */
#define MRPC_XDR_FIRST_STEP 8192u
/* Bytes that go by way of the stack where a stream gives no inline run. */
#define MRPC_XDR_SPARE 1024u
/* The longest run of members that generated code moves in one piece. */
#define MRPC_XDR_WINDOW 256u
/* The longest run to ask for: some streams compute with signed lengths. */
#define MRPC_XDR_MAX_RUN 0x40000000u

/* Helpers with a buffer of their own stay out of the frames of recursive code. */
#ifdef __GNUC__
#define MRPC_XDR_OUTLINE static __attribute__((noinline, unused))
#else
#define MRPC_XDR_OUTLINE static inline
#endif

/* Around types with members of no elements, which C++ compilers warn about. */
#if defined(__cplusplus) && defined(__clang__)
#define MRPC_XDR_NO_ELEMENTS_BEGIN \
	_Pragma("clang diagnostic push") \
	_Pragma("clang diagnostic ignored \"-Wzero-length-array\"") \
	_Pragma("clang diagnostic ignored \"-Wextern-c-compat\"")
#define MRPC_XDR_NO_ELEMENTS_END _Pragma("clang diagnostic pop")
#elif defined(__cplusplus) && defined(__GNUC__)
#define MRPC_XDR_NO_ELEMENTS_BEGIN \
	_Pragma("GCC diagnostic push") \
	_Pragma("GCC diagnostic ignored \"-Wpedantic\"")
#define MRPC_XDR_NO_ELEMENTS_END _Pragma("GCC diagnostic pop")
#else
#define MRPC_XDR_NO_ELEMENTS_BEGIN
#define MRPC_XDR_NO_ELEMENTS_END
#endif

/* Opaque data this long are sent from where they are, and received where they stay. */
#define MRPC_XDR_LONG 32768u

/* The bound of arrays, opaques and strings declared without one. */
#define MRPC_XDR_UNBOUNDED 0xffffffffu

/* A stream, how deep in a recursive type the walk is, and of which object. */
struct mrpc_xdr_cursor {
	XDR *xdrs;
	unsigned depth;
	const void *root;
};

/* Moves `count` elements between memory and their form on the wire. */
typedef void (mrpc_xdr_pack_fn)(unsigned char *wire, const void *obj,
	size_t count);
typedef void (mrpc_xdr_unpack_fn)(const unsigned char *wire, void *obj,
	size_t count);
/* Moves one element whose size on the wire varies. */
typedef bool_t (mrpc_xdr_encode_fn)(struct mrpc_xdr_cursor *cursor,
	const void *obj);
typedef bool_t (mrpc_xdr_decode_fn)(struct mrpc_xdr_cursor *cursor, void *obj);
typedef void (mrpc_xdr_release_fn)(void *obj);

/* --- Numbers on the wire (RFC 4506, 4.1, 4.2, 4.5 to 4.7) --------------- */

static inline uint32_t
mrpc_xdr_swap32(uint32_t value)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	return value;
#else
	return __builtin_bswap32(value);
#endif
}

static inline uint64_t
mrpc_xdr_swap64(uint64_t value)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	return value;
#else
	return __builtin_bswap64(value);
#endif
}

static inline uint32_t
mrpc_xdr_load32(const unsigned char *wire)
{
	uint32_t value;

	memcpy(&value, wire, sizeof value);
	return mrpc_xdr_swap32(value);
}

static inline void
mrpc_xdr_store32(unsigned char *wire, uint32_t value)
{
	value = mrpc_xdr_swap32(value);
	memcpy(wire, &value, sizeof value);
}

static inline uint64_t
mrpc_xdr_load64(const unsigned char *wire)
{
	uint64_t value;

	memcpy(&value, wire, sizeof value);
	return mrpc_xdr_swap64(value);
}

static inline void
mrpc_xdr_store64(unsigned char *wire, uint64_t value)
{
	value = mrpc_xdr_swap64(value);
	memcpy(wire, &value, sizeof value);
}

/* The next four are for stubs of version 1.0; later ones copy in memory. */
static inline float
mrpc_xdr_load_float(const unsigned char *wire)
{
	uint32_t bits = mrpc_xdr_load32(wire);
	float value;

	memcpy(&value, &bits, sizeof value);
	return value;
}

static inline void
mrpc_xdr_store_float(unsigned char *wire, float value)
{
	uint32_t bits;

	memcpy(&bits, &value, sizeof bits);
	mrpc_xdr_store32(wire, bits);
}

static inline double
mrpc_xdr_load_double(const unsigned char *wire)
{
	uint64_t bits = mrpc_xdr_load64(wire);
	double value;

	memcpy(&value, &bits, sizeof value);
	return value;
}

static inline void
mrpc_xdr_store_double(unsigned char *wire, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof bits);
	mrpc_xdr_store64(wire, bits);
}

/*
 * Copies numbers of 32 or 64 bits between host and wire order; neither side
 * need be aligned. The blocks of 16 bytes are of the compilers' vector types,
 * since a plain loop over bswap stays scalar for a baseline x86-64.
 */
#if defined(__GNUC__) && defined(__BYTE_ORDER__) && \
	__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define MRPC_XDR_VECTORS 1
typedef uint16_t mrpc_xdr_16x8 __attribute__((vector_size(16)));
typedef uint32_t mrpc_xdr_32x4 __attribute__((vector_size(16)));

/* The halves of two numbers of 64 bits, in the opposite order in each. */
#ifdef __clang__
#define MRPC_XDR_REVERSE(halves) \
	__builtin_shufflevector(halves, halves, 3, 2, 1, 0, 7, 6, 5, 4)
#else
#define MRPC_XDR_REVERSE(halves) \
	__builtin_shuffle(halves, \
		__extension__(mrpc_xdr_16x8){ 3, 2, 1, 0, 7, 6, 5, 4 })
#endif
#endif

static inline void
mrpc_xdr_copy32(void *to, const void *from, size_t count)
{
	unsigned char *out = (unsigned char *)to;
	const unsigned char *in = (const unsigned char *)from;
	uint32_t value;

#ifdef MRPC_XDR_VECTORS
	for (; count >= 4; count -= 4, in += 16, out += 16) {
		mrpc_xdr_16x8 halves;
		mrpc_xdr_32x4 words;

		memcpy(&halves, in, 16);
		halves = halves << 8 | halves >> 8;
		words = (mrpc_xdr_32x4)halves;
		words = words << 16 | words >> 16;
		memcpy(out, &words, 16);
	}
#endif
	for (; count > 0; count--, in += 4, out += 4) {
		value = mrpc_xdr_load32(in);
		memcpy(out, &value, 4);
	}
}

static inline void
mrpc_xdr_copy64(void *to, const void *from, size_t count)
{
	unsigned char *out = (unsigned char *)to;
	const unsigned char *in = (const unsigned char *)from;
	uint64_t value;

#ifdef MRPC_XDR_VECTORS
	for (; count >= 2; count -= 2, in += 16, out += 16) {
		mrpc_xdr_16x8 halves;

		memcpy(&halves, in, 16);
		halves = halves << 8 | halves >> 8;
		halves = MRPC_XDR_REVERSE(halves);
		memcpy(out, &halves, 16);
	}
#endif
	for (; count > 0; count--, in += 8, out += 8) {
		value = mrpc_xdr_load64(in);
		memcpy(out, &value, 8);
	}
}

static inline void
mrpc_xdr_pack32(unsigned char *wire, const void *obj, size_t count)
{
	mrpc_xdr_copy32(wire, obj, count);
}

static inline void
mrpc_xdr_unpack32(const unsigned char *wire, void *obj, size_t count)
{
	mrpc_xdr_copy32(obj, wire, count);
}

static inline void
mrpc_xdr_pack64(unsigned char *wire, const void *obj, size_t count)
{
	mrpc_xdr_copy64(wire, obj, count);
}

static inline void
mrpc_xdr_unpack64(const unsigned char *wire, void *obj, size_t count)
{
	mrpc_xdr_copy64(obj, wire, count);
}

/* The numbers that take four bytes on the wire and another size in memory. */
#define MRPC_XDR_NARROW(name, type)					\
static inline void							\
mrpc_xdr_pack_##name(unsigned char *wire, const void *obj, size_t count) \
{									\
	const type *from = (const type *)obj;				\
									\
	for (; count > 0; count--, wire += 4)				\
		mrpc_xdr_store32(wire, (uint32_t)*from++);		\
}									\
static inline void							\
mrpc_xdr_unpack_##name(const unsigned char *wire, void *obj, size_t count) \
{									\
	type *to = (type *)obj;						\
									\
	for (; count > 0; count--, wire += 4)				\
		*to++ = (type)(int32_t)mrpc_xdr_load32(wire);		\
}

MRPC_XDR_NARROW(char, char)
MRPC_XDR_NARROW(int8, int8_t)
MRPC_XDR_NARROW(uint8, uint8_t)
MRPC_XDR_NARROW(int16, int16_t)
MRPC_XDR_NARROW(uint16, uint16_t)
MRPC_XDR_NARROW(long, long)

#undef MRPC_XDR_NARROW

static inline void
mrpc_xdr_pack_ulong(unsigned char *wire, const void *obj, size_t count)
{
	mrpc_xdr_pack_long(wire, obj, count);
}

static inline void
mrpc_xdr_unpack_ulong(const unsigned char *wire, void *obj, size_t count)
{
	unsigned long *to = (unsigned long *)obj;

	for (; count > 0; count--, wire += 4)
		*to++ = mrpc_xdr_load32(wire);
}

/* Any value but zero is true, in both directions (RFC 4506, 4.4). */
static inline void
mrpc_xdr_pack_bool(unsigned char *wire, const void *obj, size_t count)
{
	const bool_t *from = (const bool_t *)obj;

	for (; count > 0; count--, wire += 4)
		mrpc_xdr_store32(wire, *from++ != FALSE);
}

static inline void
mrpc_xdr_unpack_bool(const unsigned char *wire, void *obj, size_t count)
{
	bool_t *to = (bool_t *)obj;

	for (; count > 0; count--, wire += 4)
		*to++ = mrpc_xdr_load32(wire) != 0;
}

/* Fixed opaque data inside a run: the bytes and their padding. */
static inline void
mrpc_xdr_pack_opaque(unsigned char *wire, const void *obj, size_t len)
{
	size_t padded = (len + 3) & ~(size_t)3;

	memcpy(wire, obj, len);
	memset(wire + len, 0, padded - len);
}

/* --- Runs of bytes of a stream ------------------------------------------ */

/* memcpy, in pieces: some CPUs run the instruction that long copies are made
 * with at a third of its speed where the two lie badly in their pages.
 */
static inline void
mrpc_xdr_copy(void *to, const void *from, size_t len)
{
	const size_t piece = 2048;
	size_t done = 0, n;

	for (; done < len; done += n) {
		n = len - done < piece ? len - done : piece;
		memcpy((char *)to + done, (const char *)from + done, n);
	}
}

/* The stream's own memory for the next `len` bytes, or NULL. */
static inline unsigned char *
mrpc_xdr_run(struct mrpc_xdr_cursor *cursor, size_t len)
{
	XDR *xdrs = cursor->xdrs;

	if (len > MRPC_XDR_MAX_RUN)
		return NULL;
	/* By way of void: the run need not be aligned. */
	return (unsigned char *)(void *)xdrs->x_ops->x_inline(xdrs, (u_int)len);
}

/* Decoding: the next `len` bytes, in the stream's memory or read to `spare`. */
static inline const unsigned char *
mrpc_xdr_take(struct mrpc_xdr_cursor *cursor, size_t len, unsigned char *spare)
{
	XDR *xdrs = cursor->xdrs;
	unsigned char *wire = mrpc_xdr_run(cursor, len);

	if (wire != NULL)
		return wire;
	if (!xdrs->x_ops->x_getbytes(xdrs, (char *)spare, (u_int)len))
		return NULL;
	return spare;
}

/* Encoding: room for `len` bytes, in the stream's memory or else in `spare`;
 * when it has been filled, mrpc_xdr_give passes it on. */
static inline unsigned char *
mrpc_xdr_room(struct mrpc_xdr_cursor *cursor, size_t len, unsigned char *spare)
{
	unsigned char *wire = mrpc_xdr_run(cursor, len);

	return wire != NULL ? wire : spare;
}

static inline bool_t
mrpc_xdr_give(struct mrpc_xdr_cursor *cursor, const unsigned char *wire,
	size_t len, const unsigned char *spare)
{
	XDR *xdrs = cursor->xdrs;

	if (wire != spare)
		return TRUE;
	return xdrs->x_ops->x_putbytes(xdrs, (const char *)spare, (u_int)len);
}

static inline bool_t
mrpc_xdr_get_word(struct mrpc_xdr_cursor *cursor, uint32_t *value)
{
	unsigned char spare[4];
	const unsigned char *wire = mrpc_xdr_take(cursor, 4, spare);

	if (wire == NULL)
		return FALSE;
	*value = mrpc_xdr_load32(wire);
	return TRUE;
}

static inline bool_t
mrpc_xdr_put_word(struct mrpc_xdr_cursor *cursor, uint32_t value)
{
	unsigned char spare[4];
	unsigned char *wire = mrpc_xdr_room(cursor, 4, spare);

	mrpc_xdr_store32(wire, value);
	return mrpc_xdr_give(cursor, wire, 4, spare);
}

/* --- Opaque data and strings (RFC 4506, 4.9 to 4.11) -------------------- */

#if defined(__GNUC__) && defined(__ELF__)
#define MRPC_XDR_IN_PLACE 1
#ifdef __cplusplus
extern "C" {
#endif
/**
 * Takes the next len bytes off a stream that libminirpc decodes, as a block of
 * memory: a procedure written by hand has long opaque data without a copy by it, as
 * those made by minirpcgen have.
 *
 * xdrs: the stream that the procedure was called with, of any kind.
 * len: how many bytes, without the padding behind them.
 *
 * Returns the block, which is the caller's, to be freed with free(). NULL if there is
 * none, and nothing was taken: then the data have to be copied by x_getbytes. There is
 * one if the payload is longer than 64 KiB, and those of the same command before it had
 * their data at the same place. Any other library's stream has none.
 *
 * A program that is linked without libminirpc, or runs with one before 1.1, has NULL for
 * the function.
 */
char *mrpc_xdr_claim(XDR *xdrs, u_int len) __attribute__((weak));

/**
 * Puts len bytes into a stream that libminirpc encodes, by reference: a procedure
 * written by hand has long opaque data sent without a copy by it, as those made by
 * minirpcgen have.
 *
 * xdrs: the stream that the procedure was called with, of any kind.
 * root: the object whose data these are: the one that the procedure was called with.
 * data: the bytes. They must stay as they are until the function returns that the
 * object was passed to, or, for a handler's result, until it has been sent: memory that
 * the procedure itself frees or changes is put by x_putbytes, which copies.
 * len: how many bytes, without the padding behind them.
 *
 * Returns 1, or 0 if nothing was put, as with any other library's stream, or where root
 * is not the object that the library encodes: then the data have to be put by x_putbytes.
 *
 * A program that is linked without libminirpc, or runs with one before 1.1, has NULL for
 * the function.
 */
int mrpc_xdr_lend(XDR *xdrs, const void *root, const char *data, u_int len)
	__attribute__((weak));
#ifdef __cplusplus
}
#endif
#endif

/* `len` bytes as they are, to be followed by mrpc_xdr_get_pad. */
static inline bool_t
mrpc_xdr_get_raw(struct mrpc_xdr_cursor *cursor, char *to, uint32_t len)
{
	XDR *xdrs = cursor->xdrs;

	return len == 0 || xdrs->x_ops->x_getbytes(xdrs, to, len);
}

static inline bool_t
mrpc_xdr_get_pad(struct mrpc_xdr_cursor *cursor, uint32_t len)
{
	char pad[4];

	return mrpc_xdr_get_raw(cursor, pad, (0u - len) & 3u);
}

static inline bool_t
mrpc_xdr_get_opaque(struct mrpc_xdr_cursor *cursor, void *to, uint32_t len)
{
	return mrpc_xdr_get_raw(cursor, (char *)to, len) &&
		mrpc_xdr_get_pad(cursor, len);
}

static inline bool_t
mrpc_xdr_put_opaque(struct mrpc_xdr_cursor *cursor, const void *from,
	uint32_t len)
{
	static const char zeros[4] = { 0, 0, 0, 0 };
	XDR *xdrs = cursor->xdrs;
	uint32_t pad = (0u - len) & 3u;

	if (len == 0)
		return TRUE;
	if (from == NULL)
		return FALSE;
#ifdef MRPC_XDR_IN_PLACE
	if (len >= MRPC_XDR_LONG && mrpc_xdr_lend != NULL &&
	    mrpc_xdr_lend(xdrs, cursor->root, (const char *)from, len))
		return pad == 0 || xdrs->x_ops->x_putbytes(xdrs, zeros, pad);
#endif
	if (!xdrs->x_ops->x_putbytes(xdrs, (const char *)from, len))
		return FALSE;
	return pad == 0 || xdrs->x_ops->x_putbytes(xdrs, zeros, pad);
}

/* The padded length and the bytes in one run, where the stream has one. */
static inline bool_t
mrpc_xdr_put_bytes(struct mrpc_xdr_cursor *cursor, const void *from,
	size_t len, uint32_t bound)
{
	unsigned char *wire;
	size_t padded;

	if (len > bound || (from == NULL && len != 0))
		return FALSE;
	/* Past this size the copy is all that counts: one more call is free. */
	padded = len <= 4096 ? (len + 3) & ~(size_t)3 : 0;
	wire = len <= 4096 ? mrpc_xdr_run(cursor, padded + 4) : NULL;
	if (wire == NULL)
		return mrpc_xdr_put_word(cursor, (uint32_t)len) &&
			mrpc_xdr_put_opaque(cursor, from, (uint32_t)len);
	mrpc_xdr_store32(wire, (uint32_t)len);
	if (len != 0) {
		memset(wire + padded, 0, 4);
		memcpy(wire + 4, from, len);
	}
	return TRUE;
}

static inline bool_t
mrpc_xdr_put_string(struct mrpc_xdr_cursor *cursor, const char *from,
	uint32_t bound)
{
	return from != NULL &&
		mrpc_xdr_put_bytes(cursor, from, strlen(from), bound);
}

/*
 * Reads `len` bytes and their padding to new memory with `extra` bytes more.
 * What is allocated never runs ahead of what has arrived by more than a step.
 * `*val` has the memory also when reading fails.
 */
static inline bool_t
mrpc_xdr_get_new_bytes(struct mrpc_xdr_cursor *cursor, char **val,
	uint32_t len, size_t extra)
{
	size_t have = 0, size = len;
	unsigned char *wire = NULL;
	char *more;

	if ((size_t)len + extra < len)
		return FALSE;
#ifdef MRPC_XDR_IN_PLACE
	if (len >= MRPC_XDR_LONG && extra == 0 && mrpc_xdr_claim != NULL) {
		*val = mrpc_xdr_claim(cursor->xdrs, len);
		if (*val != NULL)
			return mrpc_xdr_get_pad(cursor, len);
	}
#endif
	if (len <= MRPC_XDR_MAX_RUN - 4)
		wire = mrpc_xdr_run(cursor, ((size_t)len + 3) & ~(size_t)3);
	if (wire != NULL) {
		*val = (char *)malloc((size_t)len + extra);
		if (*val == NULL)
			return FALSE;
		mrpc_xdr_copy(*val, wire, len);
		return TRUE;
	}
	if (size > MRPC_XDR_FIRST_STEP)
		size = MRPC_XDR_FIRST_STEP;
	do {
		more = (char *)realloc(*val, size + extra);
		if (more == NULL)
			return FALSE;
		*val = more;
		if (!mrpc_xdr_get_raw(cursor, more + have,
				(uint32_t)(size - have)))
			return FALSE;
		have = size;
		size = have > len / 2 ? len : have * 2;
	} while (have < len);
	return mrpc_xdr_get_pad(cursor, len);
}

/*
 * As the system's procedures do, these decode into the caller's memory where
 * the pointer is not NULL; it must then have room for all that the bound allows.
 */
static inline bool_t
mrpc_xdr_get_bytes(struct mrpc_xdr_cursor *cursor, char **val, u_int *len,
	uint32_t bound)
{
	uint32_t count;

	*len = 0;
	if (!mrpc_xdr_get_word(cursor, &count) || count > bound)
		return FALSE;
	if (count == 0)
		return TRUE;
	if (*val != NULL ? !mrpc_xdr_get_opaque(cursor, *val, count)
			 : !mrpc_xdr_get_new_bytes(cursor, val, count, 0))
		return FALSE;
	*len = count;
	return TRUE;
}

static inline bool_t
mrpc_xdr_get_string(struct mrpc_xdr_cursor *cursor, char **val, uint32_t bound)
{
	unsigned char *wire = NULL;
	uint32_t count;
	bool_t ok;

	if (!mrpc_xdr_get_word(cursor, &count) || count > bound)
		return FALSE;
	if (*val == NULL && count <= MRPC_XDR_MAX_RUN - 4)
		wire = mrpc_xdr_run(cursor, ((size_t)count + 3) & ~(size_t)3);
	if (wire != NULL) {
		/* Here and not in the copy: bytes just written are slow to read. */
		if (memchr(wire, '\0', count) != NULL)
			return FALSE;
		*val = (char *)malloc((size_t)count + 1);
		if (*val == NULL)
			return FALSE;
		memcpy(*val, wire, count);
		(*val)[count] = '\0';
		return TRUE;
	}
	if (*val != NULL)
		ok = mrpc_xdr_get_opaque(cursor, *val, count);
	else
		ok = mrpc_xdr_get_new_bytes(cursor, val, count, 1);
	if (!ok) {
		/* The memory may be shorter than `count`. */
		if (*val != NULL)
			**val = '\0';
		return FALSE;
	}
	(*val)[count] = '\0';
	return memchr(*val, '\0', count) == NULL;
}

/* --- Elements of a fixed size on the wire (arrays: RFC 4506, 4.12, 4.13) -- */

/* How many of `count` elements to move next, and where to or from. */
static inline unsigned char *
mrpc_xdr_next_run(struct mrpc_xdr_cursor *cursor, size_t *count, size_t wire)
{
	size_t some = MRPC_XDR_SPARE / wire;
	unsigned char *run = NULL;

	if (*count <= MRPC_XDR_MAX_RUN / wire)
		run = mrpc_xdr_run(cursor, *count * wire);
	if (run == NULL && *count > some) {
		*count = some;
		run = mrpc_xdr_run(cursor, some * wire);
	}
	return run;
}

/* `wire` is an element's size on the wire, `size` the one in memory. */
MRPC_XDR_OUTLINE bool_t
mrpc_xdr_put_run(struct mrpc_xdr_cursor *cursor, const void *obj, size_t count,
	size_t wire, size_t size, mrpc_xdr_pack_fn *pack)
{
	const char *from = (const char *)obj;
	unsigned char spare[MRPC_XDR_SPARE];
	unsigned char *run;
	size_t some;

	for (; count > 0; count -= some, from += some * size) {
		some = count;
		run = mrpc_xdr_next_run(cursor, &some, wire);
		pack(run != NULL ? run : spare, from, some);
		if (run == NULL &&
		    !mrpc_xdr_give(cursor, spare, some * wire, spare))
			return FALSE;
	}
	return TRUE;
}

MRPC_XDR_OUTLINE bool_t
mrpc_xdr_get_run(struct mrpc_xdr_cursor *cursor, void *obj, size_t count,
	size_t wire, size_t size, mrpc_xdr_unpack_fn *unpack)
{
	XDR *xdrs = cursor->xdrs;
	char *to = (char *)obj;
	unsigned char spare[MRPC_XDR_SPARE];
	unsigned char *run;
	size_t some;

	for (; count > 0; count -= some, to += some * size) {
		some = count;
		run = mrpc_xdr_next_run(cursor, &some, wire);
		if (run == NULL && !xdrs->x_ops->x_getbytes(xdrs,
				(char *)spare, (u_int)(some * wire)))
			return FALSE;
		unpack(run != NULL ? run : spare, to, some);
	}
	return TRUE;
}

static inline bool_t
mrpc_xdr_put_run_array(struct mrpc_xdr_cursor *cursor, const void *val,
	u_int len, uint32_t bound, size_t wire, size_t size,
	mrpc_xdr_pack_fn *pack)
{
	if (len > bound || (val == NULL && len != 0))
		return FALSE;
	return mrpc_xdr_put_word(cursor, len) &&
		mrpc_xdr_put_run(cursor, val, len, wire, size, pack);
}

/* Elements that the first allocation is for, when `count` are announced. */
static inline size_t
mrpc_xdr_first_step(size_t count, size_t size)
{
	size_t step = MRPC_XDR_FIRST_STEP / size;

	if (step == 0)
		step = 1;
	return step < count ? step : count;
}

/* Makes room for `count` elements in all, of which the new ones are zero. */
static inline bool_t
mrpc_xdr_grow(void **val, size_t have, size_t count, size_t size)
{
	char *more;

	if (count > SIZE_MAX / size)
		return FALSE;
	more = (char *)realloc(*val, count * size);
	if (more == NULL)
		return FALSE;
	*val = more;
	memset(more + have * size, 0, (count - have) * size);
	return TRUE;
}

static inline bool_t
mrpc_xdr_get_run_array(struct mrpc_xdr_cursor *cursor, void **val, u_int *len,
	uint32_t bound, size_t wire, size_t size, mrpc_xdr_unpack_fn *unpack)
{
	const unsigned char *run = NULL;
	size_t have = 0, step;
	uint32_t count;

	*len = 0;
	if (!mrpc_xdr_get_word(cursor, &count) || count > bound)
		return FALSE;
	if (count == 0)
		return TRUE;
	if (*val != NULL) {
		*len = count;
		return mrpc_xdr_get_run(cursor, *val, count, wire, size,
				unpack);
	}
	/* The whole run proves that the elements are there. */
	if (count <= MRPC_XDR_MAX_RUN / wire && count <= SIZE_MAX / size)
		run = mrpc_xdr_run(cursor, count * wire);
	if (run != NULL) {
		*val = malloc(count * size);
		if (*val == NULL)
			return FALSE;
		unpack(run, *val, count);
		*len = count;
		return TRUE;
	}
	step = mrpc_xdr_first_step(count, size);
	while (have < count) {
		if (!mrpc_xdr_grow(val, have, step, size) ||
		    !mrpc_xdr_get_run(cursor, (char *)*val + have * size,
				step - have, wire, size, unpack))
			return FALSE;
		have = step;
		*len = (u_int)have;
		step = have > count / 2 ? count : have * 2;
	}
	return TRUE;
}

/* --- Elements whose size on the wire varies ------------------------------ */

static inline bool_t
mrpc_xdr_put_items(struct mrpc_xdr_cursor *cursor, const void *obj,
	size_t count, size_t size, mrpc_xdr_encode_fn *encode)
{
	const char *from = (const char *)obj;

	for (; count > 0; count--, from += size)
		if (!encode(cursor, from))
			return FALSE;
	return TRUE;
}

static inline bool_t
mrpc_xdr_get_items(struct mrpc_xdr_cursor *cursor, void *obj, size_t count,
	size_t size, mrpc_xdr_decode_fn *decode)
{
	char *to = (char *)obj;

	for (; count > 0; count--, to += size)
		if (!decode(cursor, to))
			return FALSE;
	return TRUE;
}

static inline bool_t
mrpc_xdr_put_array(struct mrpc_xdr_cursor *cursor, const void *val, u_int len,
	uint32_t bound, size_t size, mrpc_xdr_encode_fn *encode)
{
	if (len > bound || (val == NULL && len != 0))
		return FALSE;
	return mrpc_xdr_put_word(cursor, len) &&
		mrpc_xdr_put_items(cursor, val, len, size, encode);
}

static inline bool_t
mrpc_xdr_get_array(struct mrpc_xdr_cursor *cursor, void **val, u_int *len,
	uint32_t bound, size_t size, mrpc_xdr_decode_fn *decode)
{
	size_t have = 0, room;
	uint32_t count;

	*len = 0;
	if (!mrpc_xdr_get_word(cursor, &count) || count > bound)
		return FALSE;
	if (count == 0)
		return TRUE;
	if (*val != NULL) {
		*len = count;
		return mrpc_xdr_get_items(cursor, *val, count, size, decode);
	}
	/* Any number of elements without size would fit into nothing. */
	if (size == 0)
		return FALSE;
	room = mrpc_xdr_first_step(count, size);
	if (!mrpc_xdr_grow(val, 0, room, size))
		return FALSE;
	while (have < count) {
		if (have == room) {
			room = have > count / 2 ? count : have * 2;
			if (!mrpc_xdr_grow(val, have, room, size))
				return FALSE;
		}
		/* Counted first: what fails half way is freed as well. */
		*len = (u_int)(have + 1);
		if (!decode(cursor, (char *)*val + have * size))
			return FALSE;
		have++;
	}
	return TRUE;
}

static inline void
mrpc_xdr_release_items(void *obj, size_t count, size_t size,
	mrpc_xdr_release_fn *release)
{
	char *item = (char *)obj;

	if (item != NULL)
		for (; count > 0; count--, item += size)
			release(item);
}

/* --- Optional data (RFC 4506, 4.19) ---------------------------------------- */

/*
 * The flag before optional data. `*obj` becomes NULL where it is absent; where
 * it follows, the caller's memory stays or there is new memory, zeroed.
 */
static inline bool_t
mrpc_xdr_get_optional(struct mrpc_xdr_cursor *cursor, void **obj, size_t size)
{
	uint32_t present;

	if (!mrpc_xdr_get_word(cursor, &present))
		return FALSE;
	if (!present)
		*obj = NULL;
	else if (*obj == NULL) {
		*obj = calloc(1, size);
		return *obj != NULL;
	}
	return TRUE;
}

/* --- Recursive types ------------------------------------------------------ */

static inline bool_t
mrpc_xdr_enter(struct mrpc_xdr_cursor *cursor)
{
	return ++cursor->depth <= MRPC_XDR_MAX_DEPTH;
}

static inline void
mrpc_xdr_leave(struct mrpc_xdr_cursor *cursor)
{
	cursor->depth--;
}

/* --- Whole objects --------------------------------------------------------- */

/* The whole procedure of a type whose size on the wire is fixed and small. */
static inline bool_t
mrpc_xdr_fixed(XDR *xdrs, void *obj, size_t wire, mrpc_xdr_pack_fn *pack,
	mrpc_xdr_unpack_fn *unpack)
{
	struct mrpc_xdr_cursor cursor = { xdrs, 0, obj };
	unsigned char spare[MRPC_XDR_WINDOW];
	const unsigned char *from;
	unsigned char *to;

	switch (xdrs->x_op) {
	case XDR_ENCODE:
		to = mrpc_xdr_room(&cursor, wire, spare);
		pack(to, obj, 1);
		return mrpc_xdr_give(&cursor, to, wire, spare);
	case XDR_DECODE:
		from = mrpc_xdr_take(&cursor, wire, spare);
		if (from == NULL)
			return FALSE;
		unpack(from, obj, 1);
		return TRUE;
	case XDR_FREE:
		return TRUE;
	}
	return FALSE;
}

/* The whole procedure of any other type; `release` is NULL if it holds nothing. */
static inline bool_t
mrpc_xdr_variable(XDR *xdrs, void *obj, mrpc_xdr_encode_fn *encode,
	mrpc_xdr_decode_fn *decode, mrpc_xdr_release_fn *release)
{
	struct mrpc_xdr_cursor cursor = { xdrs, 0, obj };

	switch (xdrs->x_op) {
	case XDR_ENCODE:
		return encode(&cursor, obj);
	case XDR_DECODE:
		return decode(&cursor, obj);
	case XDR_FREE:
		if (release != NULL)
			release(obj);
		return TRUE;
	}
	return FALSE;
}

/* A stream to free with; the procedures look at nothing but x_op. */
static inline void
mrpc_xdr_set_free(XDR *xdrs)
{
	memset(xdrs, 0, sizeof *xdrs);
	xdrs->x_op = XDR_FREE;
}

/* The procedure of a void argument or result. */
static inline bool_t
mrpc_xdr_void(XDR *xdrs, void *obj)
{
	(void)xdrs;
	(void)obj;
	return TRUE;
}

/* --- Numbers as whole objects ---------------------------------------------- */

#define MRPC_XDR_NUMBER(procedure, type, wire, suffix)			\
static inline bool_t							\
procedure(XDR *xdrs, type *obj)						\
{									\
	return mrpc_xdr_fixed(xdrs, obj, wire,				\
			mrpc_xdr_pack##suffix, mrpc_xdr_unpack##suffix); \
}

/* What an interface may give to a procedure by a typedef that says no more. */
MRPC_XDR_NUMBER(mrpc_xdr_u_char, u_char, 4, _uint8)
MRPC_XDR_NUMBER(mrpc_xdr_u_short, u_short, 4, _uint16)
MRPC_XDR_NUMBER(mrpc_xdr_u_int, u_int, 4, 32)
MRPC_XDR_NUMBER(mrpc_xdr_u_long, u_long, 4, _ulong)
MRPC_XDR_NUMBER(mrpc_xdr_quad_t, quad_t, 8, 64)
MRPC_XDR_NUMBER(mrpc_xdr_u_quad_t, u_quad_t, 8, 64)
MRPC_XDR_NUMBER(mrpc_xdr_bool_t, bool_t, 4, _bool)
MRPC_XDR_NUMBER(mrpc_xdr_int8_t, int8_t, 4, _int8)
MRPC_XDR_NUMBER(mrpc_xdr_uint8_t, uint8_t, 4, _uint8)
MRPC_XDR_NUMBER(mrpc_xdr_u_int8_t, uint8_t, 4, _uint8)
MRPC_XDR_NUMBER(mrpc_xdr_int16_t, int16_t, 4, _int16)
MRPC_XDR_NUMBER(mrpc_xdr_uint16_t, uint16_t, 4, _uint16)
MRPC_XDR_NUMBER(mrpc_xdr_u_int16_t, uint16_t, 4, _uint16)
MRPC_XDR_NUMBER(mrpc_xdr_int32_t, int32_t, 4, 32)
MRPC_XDR_NUMBER(mrpc_xdr_uint32_t, uint32_t, 4, 32)
MRPC_XDR_NUMBER(mrpc_xdr_u_int32_t, uint32_t, 4, 32)
MRPC_XDR_NUMBER(mrpc_xdr_int64_t, int64_t, 8, 64)
MRPC_XDR_NUMBER(mrpc_xdr_uint64_t, uint64_t, 8, 64)
MRPC_XDR_NUMBER(mrpc_xdr_u_int64_t, uint64_t, 8, 64)

#include <minirpc/xdr_library.h>

#endif /* MINIRPC_XDR_INCLUDED */
