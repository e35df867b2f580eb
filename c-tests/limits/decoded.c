/* PROTO: test.mx shapes.mx */
/* NEEDS: additions */
/* MODES: plain (the checkers have an allocator of their own) */
/*
 * What a request's argument holds once it is decoded, by docs/limits.md: its bytes on the wire,
 * times the most that what repeats takes in memory for each of its own. The payload itself has
 * been given back when the handler is called.
 */
#include "extra_rt.h"

#include "shapes_server.h"

#include <malloc.h>

/* LEAST: what any memory of its own takes of malloc. */
enum { WIRE = 3 << 20, SLACK = 256 << 10, LEAST = 4 * sizeof(size_t) };

static struct counter handled = COUNTER_INIT;
static size_t in_handler;

static size_t allocated(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

/* One handler for each, as their types are: no cast of a function. */
#define TAKE(type) \
	static mrpc_status_t take_##type(void *data, struct mrpc_message *msg, type *in) \
	{ \
		(void)data; \
		(void)msg; \
		(void)in; \
		in_handler = allocated(); \
		counter_add(&handled, 1); \
		return MINIRPC_OK; \
	}
TAKE(numbers)
TAKE(words)
TAKE(pieces)
TAKE(stair)
TAKE(chances)

static const struct shapes_server_operations ops = {
	.take_numbers = take_numbers, .take_words = take_words, .take_pieces = take_pieces,
	.take_stair = take_stair, .take_chances = take_chances
};

/* A payload of WIRE bytes: a count, or `true` for the first step of a stair, and as often as fits
 * the words of `each`, which take `memory` bytes; the last step is the end of the stair. */
static void decoded(const char *what, int cmd, const uint32_t *each, size_t words, size_t memory)
{
	static unsigned char payload[4 + WIRE];
	bool stair = cmd == nr_shapes_take_stair;
	size_t times = WIRE / (4 * words), expected = times * memory, before, got, i;
	struct end e;

	SECTION("%s: %zu bytes for %zu", what, memory, 4 * words);
	put_u32(payload, stair ? 1 : (uint32_t)times);
	for (i = 0; i < times * words; i++)
		put_u32(payload + 4 + 4 * i, each[i % words]);
	if (stair)
		put_u32(payload + 4 * i, 0);
	counter_init(&handled);
	end_open(&e, shapes_server, 1, false);
	REQUIRE_EQ(shapes_server_set_operations(e.conn, &ops), 0);
	REQUIRE_EQ(mrpc_set_max_buf_len(e.set, sizeof(payload)), 0);
	before = allocated();
	peer_send(e.fd, 1, PENDING, cmd, payload, 4 + 4 * i);
	COUNTER_WAIT(&handled, 1);
	got = in_handler - before;
	CHECK_MSG(got <= expected + SLACK && got >= expected - expected / 8,
		  "%zu bytes are held, not %zu", got, expected);
	PEER_EXPECT(e.fd, 1, MINIRPC_OK, cmd, NULL, 0);
	end_close(&e);
}

#define DECODED(what, type, memory, ...) do { \
	static const uint32_t each_[] = { __VA_ARGS__ }; \
	decoded(what, nr_shapes_take_##type, each_, sizeof(each_) / sizeof(each_[0]), memory); \
} while (0)

int main(void)
{
	struct leaks leaks;

	leaks_begin(&leaks);
	DECODED("numbers", numbers, sizeof(int), 7);
	DECODED("steps of a list", stair, LEAST, 7, 1);
	DECODED("empty opaques", pieces, sizeof(octets), 0);
	DECODED("opaques of a byte", pieces, sizeof(octets) + LEAST, 1, 'x' << 24);
	DECODED("empty strings", words, sizeof(word) + LEAST, 0);
	DECODED("unions with a large arm, that is not there", chances, sizeof(perhaps), 0);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
