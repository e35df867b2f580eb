/* Values at the edges of their types, and what is none. */
#include "hostile.h"

static char *
copy(const char *text)
{
	char *made = malloc(strlen(text) + 1);

	return strcpy(made, text);
}

void
fill(arrays *object)
{
	numbers some = { 'c', 200, -3, 60000, -5, 6, 7, -8, 9, -10, 11, 1.5F,
		-2.5, TRUE, GREEN, LAST, -1, -2, 3, 4 };
	size_t i;

	object->row[4] = -4;
	object->list.list_len = 3;
	object->list.list_val = calloc(3, sizeof(int));
	object->few.few_len = 5;
	object->few.few_val = calloc(5, sizeof(int));
	object->narrow[2] = 'n';
	object->flags.flags_len = 2;
	object->flags.flags_val = calloc(2, sizeof(bool_t));
	object->wide.wide_len = 4;
	object->wide.wide_val = calloc(4, sizeof(quad_t));
	object->bytes.bytes_len = 5;
	object->bytes.bytes_val = calloc(1, 5);
	object->word = copy("a word");
	object->word_few = copy("123456789");
	object->all.all_len = 2;
	object->all.all_val = calloc(2, sizeof(numbers));
	object->all.all_val[1] = object->pair[0] = some;
	object->texts.texts_len = 3;
	object->texts.texts_val = calloc(3, sizeof(text));
	for (i = 0; i < 3; i++)
		object->texts.texts_val[i] = copy("text");
	object->rows.rows_len = 2;
	object->rows.rows_val = calloc(2, sizeof(text_row));
	for (i = 0; i < 4; i++)
		object->rows.rows_val[i / 2][i % 2] = copy("in a row");
	object->grids.grids_len = 2;
	object->grids.grids_val = calloc(2, sizeof(matrix));
	object->blobs[1].blob_len = 7;
	object->blobs[1].blob_val = calloc(1, 7);
	object->pointers.numbers_pointers_len = 3;
	object->pointers.numbers_pointers_val = calloc(3, sizeof(void *));
	object->pointers.numbers_pointers_val[1] = calloc(1, sizeof(numbers));
	object->long_list.long_list_len = 2;
	object->long_list.long_list_val = calloc(2, sizeof(u_long));
}

/* What `proc` makes of these words, which are all used up. */
static bool_t
from_words(stream_fn *create, procedure proc, void *obj, size_t size,
	const struct words *words)
{
	size_t used;

	memset(obj, 0, size);
	if (!decode(create, proc, obj, words->data, words->len, &used))
		return FALSE;
	CHECK(used == words->len);
	return TRUE;
}

void
values(void)
{
	struct words words;
	unsigned char out[64];
	numbers number;
	color shade;
	int_row row;
	bool_t flags[3] = { 2, 0, -1 };
	arrays object;
	size_t i, k;

	for (i = 0; i < 2; i++) {
		words.len = 0;
		for (k = 0; k < 23; k++)
			add_word(&words, 0xffffffff);
		CHECK(from_words(streams[i], PROC(numbers), &number,
			sizeof number, &words));
		/* Numbers of 4 bytes on the wire, some more in memory. */
		CHECK(number.l == -1 && number.li == -1 && number.h == -1);
		CHECK(number.ul == 0xffffffff && number.uli == 0xffffffff);
		CHECK(number.uc == 255 && number.us == 65535 && number.s == -1);
		CHECK(number.uh == (u_quad_t)-1 && number.b == TRUE);
		CHECK(number.e == LAST);

		/* xdr_enum lets every number pass, and so does this. */
		set_words(&words, 1, 77);
		CHECK(from_words(streams[i], PROC(color), &shade, sizeof shade,
			&words));
		CHECK((int)shade == 77);
		set_words(&words, 5, 1, 2, 3, 4, 0x80000000);
		CHECK(from_words(streams[i], PROC(int_row), row, sizeof row,
			&words));
		CHECK(row[0] == 1 && row[4] == INT32_MIN);

		/* Any bool but FALSE is sent as 1, as xdr_bool does. */
		memset(&object, 0, sizeof object);
		fill(&object);
		free(object.flags.flags_val);
		object.flags.flags_val = flags;
		object.flags.flags_len = 3;
		{
			static unsigned char data[8192];
			size_t at = 20 + 4 + 12 + 4 + 20 + 12;

			CHECK(encode(streams[i], PROC(arrays), &object, data,
				sizeof data) > 0);
			set_words(&words, 4, 3, 1, 0, 1);
			CHECK(memcmp(data + at, words.data, 16) == 0);
		}
		object.flags.flags_val = NULL;
		object.flags.flags_len = 0;
		release(PROC(arrays), &object);
		memset(&number, 0, sizeof number);
		number.b = 5;
		{
			unsigned char wide[92];

			CHECK(encode(streams[i], PROC(numbers), &number, wide,
				92) == 92);
			CHECK(mrpc_xdr_load32(wide + 64) == 1);
		}

		/* Padding may hold anything, and is sent as zeros. */
		set_words(&words, 1, 5);
		add_bytes(&words, "ab\0de\1\2\3", 8);
		{
			blob bytes;

			CHECK(from_words(streams[i], PROC(blob), &bytes,
				sizeof bytes, &words));
			CHECK(bytes.blob_len == 5);
			CHECK(memcmp(bytes.blob_val, "ab\0de", 5) == 0);
			CHECK(encode(streams[i], PROC(blob), &bytes, out,
				sizeof out) == 12);
			CHECK(memcmp(out, "\0\0\0\5ab\0de\0\0\0", 12) == 0);
			release(PROC(blob), &bytes);
		}
		set_words(&words, 0);
		add_bytes(&words, "xyz\377", 4);
		{
			odd_bytes odd;

			CHECK(from_words(streams[i], PROC(odd_bytes), odd,
				sizeof odd, &words));
			CHECK(encode(streams[i], PROC(odd_bytes), odd, out,
				sizeof out) == 4);
			CHECK(memcmp(out, "xyz\0", 4) == 0);
		}
	}
}

void
strings(void)
{
	struct words words;
	unsigned char out[64];
	text_few few = NULL;
	text any = NULL;
	char seven[] = "1234567", eight[] = "12345678";
	blob_few nothing = { 3, NULL };
	int_few too_many = { 6, NULL };
	int numbers_there[6] = { 0 };
	size_t i;

	for (i = 0; i < 2; i++) {
		/* No pointer is no string; no bytes need none. */
		few = NULL;
		CHECK(encode(streams[i], PROC(text_few), &few, out,
			sizeof out) == -1);
		nothing.blob_few_len = 3;
		CHECK(encode(streams[i], PROC(blob_few), &nothing, out,
			sizeof out) == -1);
		nothing.blob_few_len = 0;
		CHECK(encode(streams[i], PROC(blob_few), &nothing, out,
			sizeof out) == 4);
		too_many.int_few_val = NULL;
		too_many.int_few_len = 5;
		CHECK(encode(streams[i], PROC(int_few), &too_many, out,
			sizeof out) == -1);

		/* Bounds. */
		too_many.int_few_val = numbers_there;
		CHECK(encode(streams[i], PROC(int_few), &too_many, out,
			sizeof out) == 24);
		too_many.int_few_len = 6;
		CHECK(encode(streams[i], PROC(int_few), &too_many, out,
			sizeof out) == -1);
		few = seven;
		CHECK(encode(streams[i], PROC(text_few), &few, out,
			sizeof out) == 12);
		few = eight;
		CHECK(encode(streams[i], PROC(text_few), &few, out,
			sizeof out) == -1);
		set_words(&words, 3, 8, 0x41414141, 0x41414141);
		CHECK(!from_words(streams[i], PROC(text_few), &few, sizeof few,
			&words));
		CHECK(few == NULL);
		set_words(&words, 3, 7, 0x41414141, 0x41414141);
		CHECK(from_words(streams[i], PROC(text_few), &few, sizeof few,
			&words));
		CHECK(strcmp(few, "AAAAAAA") == 0);
		release(PROC(text_few), &few);
		CHECK(few == NULL);

		/* A NUL byte, at every place. */
		memory_reset();
		set_words(&words, 3, 7, 0x00414141, 0x41414141);
		CHECK(!from_words(streams[i], PROC(text), &any, sizeof any,
			&words));
		release(PROC(text), &any);
		set_words(&words, 3, 7, 0x41414141, 0x41410041);
		CHECK(!from_words(streams[i], PROC(text), &any, sizeof any,
			&words));
		release(PROC(text), &any);
		CHECK(memory.blocks == 0);
		/* Behind the string it is padding. */
		set_words(&words, 3, 7, 0x41414141, 0x41414100);
		CHECK(from_words(streams[i], PROC(text), &any, sizeof any,
			&words));
		release(PROC(text), &any);
		set_words(&words, 1, 0);
		CHECK(from_words(streams[i], PROC(text), &any, sizeof any,
			&words));
		CHECK(any != NULL && any[0] == '\0');
		release(PROC(text), &any);
		CHECK(any == NULL && memory.blocks == 0);
	}
}

void
unions(void)
{
	struct words words;
	by_enum of_enum;
	by_int of_int;
	by_bool of_bool;
	by_unsigned of_unsigned;
	size_t i, k;

	memory_reset();
	for (i = 0; i < 2; i++) {
		/* No such arm. */
		set_words(&words, 2, 3, 0);
		CHECK(!from_words(streams[i], PROC(by_unsigned), &of_unsigned,
			sizeof of_unsigned, &words));
		release(PROC(by_unsigned), &of_unsigned);
		set_words(&words, 1, 2);
		CHECK(from_words(streams[i], PROC(by_unsigned), &of_unsigned,
			sizeof of_unsigned, &words));
		of_unsigned.n = 0xffffffff;
		{
			unsigned char out[8];

			CHECK(encode(streams[i], PROC(by_unsigned),
				&of_unsigned, out, sizeof out) == -1);
		}
		/* The default's, which is void, for what is not in the enum. */
		set_words(&words, 1, 12345);
		CHECK(from_words(streams[i], PROC(by_enum), &of_enum,
			sizeof of_enum, &words));
		CHECK((int)of_enum.c == 12345);
		release(PROC(by_enum), &of_enum);
		/* Every other bool is TRUE. */
		set_words(&words, 1, 0x80000000);
		for (k = 0; k < 23; k++)
			add_word(&words, 0);
		CHECK(from_words(streams[i], PROC(by_bool), &of_bool,
			sizeof of_bool, &words));
		CHECK(of_bool.b == TRUE);

		/* The arm's own memory is freed, and its pointer NULL. */
		set_words(&words, 3, 0xffffffff, 2, 0x41420000);
		CHECK(from_words(streams[i], PROC(by_int), &of_int,
			sizeof of_int, &words));
		CHECK(strcmp(of_int.by_int_u.s, "AB") == 0);
		release(PROC(by_int), &of_int);
		CHECK(of_int.by_int_u.s == NULL);
		set_words(&words, 3, 2, 3, 0x41424300);
		CHECK(from_words(streams[i], PROC(by_int), &of_int,
			sizeof of_int, &words));
		release(PROC(by_int), &of_int);
		CHECK(of_int.by_int_u.o.o_val == NULL);
		CHECK(of_int.by_int_u.o.o_len == 0);
		set_words(&words, 4, 5, 1, RED, 0);
		CHECK(from_words(streams[i], PROC(by_int), &of_int,
			sizeof of_int, &words));
		CHECK(of_int.by_int_u.next != NULL);
		release(PROC(by_int), &of_int);
		CHECK(of_int.by_int_u.next == NULL);
		/* It fails within the arm. */
		set_words(&words, 3, 5, 1, GREEN);
		CHECK(!from_words(streams[i], PROC(by_int), &of_int,
			sizeof of_int, &words));
		release(PROC(by_int), &of_int);
		CHECK(of_int.by_int_u.next == NULL);
		CHECK(memory.blocks == 0);
	}
}

/* Where there is memory, what arrives goes there, as with xdr_array. */
void
callers_memory(void)
{
	struct words words;
	int numbers_there[5] = { 9, 9, 9, 9, 9 };
	char bytes_there[8] = "xxxxxxx", text_there[8] = "yyyyyyy";
	numbers number;
	size_t i;

	for (i = 0; i < 2; i++) {
		int_few few = { 5, numbers_there };
		blob_few bytes = { 8, bytes_there };
		text_few string = text_there;
		numbers_pointer pointer = &number;

		memory_reset();
		set_words(&words, 3, 2, 21, 22);
		CHECK(decode(streams[i], PROC(int_few), &few, words.data,
			words.len, NULL));
		CHECK(few.int_few_val == numbers_there && few.int_few_len == 2);
		CHECK(numbers_there[1] == 22 && numbers_there[2] == 9);
		set_words(&words, 2, 3, 0x41424300);
		CHECK(decode(streams[i], PROC(blob_few), &bytes, words.data,
			words.len, NULL));
		CHECK(bytes.blob_few_val == bytes_there);
		CHECK(memcmp(bytes_there, "ABCxxxx", 8) == 0);
		CHECK(decode(streams[i], PROC(text_few), &string, words.data,
			words.len, NULL));
		CHECK(string == text_there && strcmp(string, "ABC") == 0);
		set_words(&words, 1, 1);
		while (words.len < 96)
			add_word(&words, 3);
		CHECK(decode(streams[i], PROC(numbers_pointer), &pointer,
			words.data, words.len, NULL));
		CHECK(pointer == &number && number.i == 3);
		CHECK(memory.calls == 0);
	}
}

/* Members of no elements: nothing on the wire, and nothing is touched. */
void
empties_only(void)
{
	static const empties zeros;
	struct words words;
	unsigned char out[64];
	empties object;
	by_nothing of_nothing;
	nothing none;
	size_t i;

	CHECK(sizeof none == 0 && sizeof(tail) == sizeof(int));
	for (i = 0; i < 2; i++) {
		/* A byte, a pointer that is there, one tail, and after. */
		set_words(&words, 9, 7, 1, 1, 42, 0, 0, 0, 1, 2);
		memory_reset();
		CHECK(from_words(streams[i], PROC(empties), &object,
			sizeof object, &words));
		CHECK(object.before == 7 && object.maybe != NULL);
		CHECK(object.tails.tails_len == 1);
		CHECK(object.tails.tails_val[0].n == 42);
		CHECK(object.after == 0x100000002);
		CHECK(encode(streams[i], PROC(empties), &object, out,
			sizeof out) == (long)words.len);
		CHECK(memcmp(out, words.data, words.len) == 0);
		release(PROC(empties), &object);
		object.before = 0;
		object.after = 0;
		CHECK(memcmp(&object, &zeros, sizeof object) == 0);
		CHECK(memory.blocks == 0);

		set_words(&words, 1, 1);
		CHECK(from_words(streams[i], PROC(by_nothing), &of_nothing,
			sizeof of_nothing, &words));
		CHECK(encode(streams[i], PROC(by_nothing), &of_nothing, out,
			sizeof out) == 4);
		words.len = 0;
		CHECK(from_words(streams[i], PROC(nothing), &none, sizeof none,
			&words));
		CHECK(encode(streams[i], PROC(nothing), &none, out, 0) == 0);
		/* A claim of what takes a byte on the wire at the least. */
		set_words(&words, 4, 7, 0, 1u << 28, 0);
		memory_reset();
		CHECK(!from_words(streams[i], PROC(empties), &object,
			sizeof object, &words));
		release(PROC(empties), &object);
		CHECK(memory.blocks == 0 && memory.peak < 65536);
	}
}
