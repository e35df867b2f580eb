#include <stdarg.h>
#include "check.h"
#include "coding.h"

stream_fn *const streams[2] = { inline_stream, plain_stream };

void
add_bytes(struct words *to, const void *from, size_t len)
{
	if (len > sizeof to->data - to->len)
		abort();
	memcpy(to->data + to->len, from, len);
	to->len += len;
}

void
add_word(struct words *to, uint32_t word)
{
	unsigned char bytes[4];

	mrpc_xdr_store32(bytes, word);
	add_bytes(to, bytes, 4);
}

void
set_words(struct words *to, size_t count, ...)
{
	va_list words;

	to->len = 0;
	va_start(words, count);
	for (; count > 0; count--)
		add_word(to, va_arg(words, uint32_t));
	va_end(words);
}

bool_t
decode(stream_fn *create, procedure proc, void *obj, const void *data,
	size_t len, size_t *used)
{
	struct memory_stream stream;
	bool_t ok;

	/* Nothing is written to it. */
	create(&stream, XDR_DECODE, (void *)(uintptr_t)data, len);
	ok = proc(&stream.xdr, obj);
	if (used != NULL)
		*used = stream.pos;
	return ok;
}

long
encode(stream_fn *create, procedure proc, const void *obj, void *out,
	size_t size)
{
	struct memory_stream stream;

	create(&stream, XDR_ENCODE, out, size);
	if (!proc(&stream.xdr, (void *)(uintptr_t)obj))
		return -1;
	return (long)stream.pos;
}

void
release(procedure proc, void *obj)
{
	XDR xdrs;

	mrpc_xdr_set_free(&xdrs);
	CHECK(proc(&xdrs, obj));
}
