/*
 * Enums of strict.mx: what they do not name is refused, in every place; or, with
 * -DLENIENT for stubs made without --strict-enums, nowhere.
 */
#include "strict_xdr.h"
#include "../support/check.h"
#include "../support/coding.h"
#include "../support/memory.h"

#ifdef LENIENT
#define REFUSED(decoded) (decoded)
#else
#define REFUSED(decoded) (!(decoded))
#endif

unsigned long passed, failed;

/* Places of enums in what `fill_all` makes. */
#define LEVELS (1 + 100 + 3 + 2 + 1 + 1 + 3 + 2 * 2 + 40 * 3 + 2 + 2 * 2 + 3 + 4)
#define AHEADS (1 + 3 + 2 * 2 + 1 + 2)

static pair
some_pair(void)
{
	pair made = { LOW, 5, ONE };

	return made;
}

static void
fill_levels(level *to, size_t count)
{
	for (; count > 0; count--)
		*to++ = count % 2 ? LOW : HIGH;
}

static node *
new_node(node *next)
{
	node *made = calloc(1, sizeof(node));

	made->p = some_pair();
	made->name = calloc(1, 1);
	made->l = HIGH;
	made->next = next;
	return made;
}

static void
fill_all(all *object)
{
	size_t i, k;

	object->one = TOP;
	fill_levels(object->row, 100);
	object->rows.rows_len = 3;
	object->rows.rows_val = calloc(3, sizeof(level));
	fill_levels(object->rows.rows_val, 3);
	object->few.few_len = 2;
	object->few.few_val = calloc(2, sizeof(level));
	fill_levels(object->few.few_val, 2);
	object->opt = calloc(1, sizeof(level));
	*object->opt = LOW;
	object->some = calloc(1, sizeof(pair));
	*object->some = some_pair();
	object->pairs_there.pairs_there_len = 3;
	object->pairs_there.pairs_there_val = calloc(3, sizeof(pair));
	for (i = 0; i < 3; i++)
		object->pairs_there.pairs_there_val[i] = some_pair();
	object->grid.grid_len = 2;
	object->grid.grid_val = calloc(2, sizeof(pairs));
	for (i = 0; i < 2; i++)
		for (k = 0; k < 2; k++)
			object->grid.grid_val[i][k] = some_pair();
	for (i = 0; i < 40; i++)
		fill_levels(object->lots[i], 3);
	object->last.l = HIGH;
	object->last.choice_u.high = some_pair();
	object->list = new_node(new_node(NULL));
	fill_levels(object->small, 3);
	object->more.many_len = 4;
	object->more.many_val = calloc(4, sizeof(alias));
	fill_levels(object->more.many_val, 4);
	object->plain.plain_len = 2;
	object->plain.plain_val = calloc(2, sizeof(int));
	/* Another file's enum, whose stubs are not strict. */
	object->other = (color)77;
	object->points.points_len = 1;
	object->points.points_val = calloc(1, sizeof(point));
	object->points.points_val[0].c = (color)-77;
}

/* Whether the word is one of the enums' numbers: no other has these. */
static int
is_enum(uint32_t word, unsigned *levels, unsigned *aheads)
{
	if (word == (uint32_t)LOW || word == HIGH)
		return ++*levels != 0;
	if (word == ONE)
		return ++*aheads != 0;
	return 0;
}

static void
expect_refused_everywhere(stream_fn *create, unsigned char *data, size_t len)
{
	static const uint32_t others[] = {
		0, 1, 0xffffffff, (uint32_t)LOW - 1, HIGH + 1, 0x80000000
	};
	unsigned levels = 0, aheads = 0;
	all object;
	uint32_t word;
	size_t at, i;

	for (at = 0; at < len; at += 4) {
		word = mrpc_xdr_load32(data + at);
		if (!is_enum(word, &levels, &aheads))
			continue;
		for (i = 0; i < sizeof others / sizeof *others; i++) {
			mrpc_xdr_store32(data + at, others[i]);
			memset(&object, 0, sizeof object);
			memory_reset();
			CHECK(REFUSED(decode(create, PROC(all), &object, data,
				len, NULL)));
			release(PROC(all), &object);
			CHECK(memory.blocks == 0);
		}
		mrpc_xdr_store32(data + at, word);
	}
	CHECK(levels == LEVELS && aheads == AHEADS);
}

/* The types' own procedures. */
static void
expect_by_type(stream_fn *create)
{
	struct words words;
	level l;
	alias a;
	levels three;
	pairs two;
	maybe pointer = NULL;
	many list = { 0, NULL };
	choice c;

	set_words(&words, 1, HIGH);
	CHECK(decode(create, PROC(level), &l, words.data, words.len, NULL));
	CHECK(decode(create, PROC(alias), &a, words.data, words.len, NULL));
	set_words(&words, 1, HIGH - 1);
	CHECK(REFUSED(decode(create, PROC(level), &l, words.data, words.len, NULL)));
	CHECK(REFUSED(decode(create, PROC(alias), &a, words.data, words.len, NULL)));
	set_words(&words, 3, LOW, HIGH, 3);
	CHECK(REFUSED(decode(create, PROC(levels), three, words.data, words.len, NULL)));
	set_words(&words, 6, LOW, 9, ONE, LOW, 9, ONE + 1);
	CHECK(REFUSED(decode(create, PROC(pairs), two, words.data, words.len, NULL)));
	memory_reset();
	set_words(&words, 2, 1, 0);
	CHECK(REFUSED(decode(create, PROC(maybe), &pointer, words.data, words.len,
		NULL)));
	release(PROC(maybe), &pointer);
	set_words(&words, 4, 3, LOW, LOW, 0);
	CHECK(REFUSED(decode(create, PROC(many), &list, words.data, words.len, NULL)));
	release(PROC(many), &list);
	CHECK(memory.blocks == 0);
	/* Not even where the default arm would take it. */
	memset(&c, 0, sizeof c);
	set_words(&words, 1, 1);
	CHECK(REFUSED(decode(create, PROC(choice), &c, words.data, words.len,
		NULL)));
	set_words(&words, 2, LOW, 1);
	CHECK(REFUSED(decode(create, PROC(choice), &c, words.data, words.len,
		NULL)));
	set_words(&words, 2, LOW, HIGH);
	CHECK(decode(create, PROC(choice), &c, words.data, words.len, NULL));
	/* What we send is our own affair, as it always was. */
	l = (level)4;
	CHECK(encode(create, PROC(level), &l, words.data, 4) == 4);
}

int
main(void)
{
	static unsigned char data[8192];
	all object;
	size_t i, used;
	long len;

	setvbuf(stdout, NULL, _IOLBF, 0);
	memset(&object, 0, sizeof object);
	fill_all(&object);
	len = encode(inline_stream, PROC(all), &object, data, sizeof data);
	CHECK(len > 1000);
	release(PROC(all), &object);
	for (i = 0; i < 2; i++) {
		CHECK(decode(streams[i], PROC(all), &object, data, (size_t)len,
			&used));
		CHECK(used == (size_t)len && object.other == (color)77);
		CHECK(object.list->next->l == HIGH);
		release(PROC(all), &object);
		expect_refused_everywhere(streams[i], data, (size_t)len);
		expect_by_type(streams[i]);
	}
	printf("%lu passed, %lu failed\n", passed, failed);
	return failed != 0;
}
