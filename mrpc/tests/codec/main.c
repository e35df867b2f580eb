/*
 * Generated code, one value after the other: reads a type's number, a length and a payload,
 * and answers with how much it encodes what it decoded to, and the bytes; or with -1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "language_xdr.h"
#include "streams.h"

static const struct {
	bool_t (*xdr)(XDR *, void *);
	size_t size;
} types[] = {
#define TYPE(name) { (bool_t (*)(XDR *, void *))(void (*)(void))xdr_##name, sizeof(name) },
#include "list.h"
};

int
main(void)
{
	static unsigned char in[1 << 16], out[1 << 20];
	struct memory_stream stream;
	unsigned head[2];
	void *object;
	int len;

	while (fread(head, sizeof head, 1, stdin) == 1) {
		if (head[1] > sizeof in || fread(in, 1, head[1], stdin) != head[1])
			return 1;
		object = calloc(1, types[head[0]].size + 1);
		if (object == NULL)
			return 1;
		inline_stream(&stream, XDR_DECODE, in, head[1]);
		len = -1;
		if (types[head[0]].xdr(&stream.xdr, object) && stream.pos == head[1]) {
			inline_stream(&stream, XDR_ENCODE, out, sizeof out);
			if (!types[head[0]].xdr(&stream.xdr, object))
				return 1;
			len = (int)stream.pos;
		}
		memset(&stream.xdr, 0, sizeof stream.xdr);
		stream.xdr.x_op = XDR_FREE;
		types[head[0]].xdr(&stream.xdr, object);
		free(object);
		fwrite(&len, sizeof len, 1, stdout);
		if (len > 0)
			fwrite(out, 1, (size_t)len, stdout);
		fflush(stdout);
	}
	return 0;
}
