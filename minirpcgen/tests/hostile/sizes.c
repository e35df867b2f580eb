/* Counts that are not true, input that ends too early, no memory. */
#include "hostile.h"

/* What a short payload may make a decoder allocate, at the most. */
#define LITTLE 65536

static void
expect_refused(procedure proc, size_t size, const struct words *words,
	size_t most)
{
	static long long object[1024];
	static const long long zeros[1024];
	size_t i;

	for (i = 0; i < 2; i++) {
		memset(object, 0, size);
		memory_reset();
		CHECK(!decode(streams[i], proc, object, words->data, words->len,
			NULL));
		CHECK(memory.peak < most);
		release(proc, object);
		CHECK(memory.blocks == 0);
		CHECK(memcmp(object, zeros, size) == 0);
	}
}

void
claims(void)
{
	static const uint32_t counts[] = {
		1u << 28, 1u << 29, 1u << 30, 0x3fffffff, 0x40000001,
		0x7fffffff, 0x80000000, 0xfffffff8, 0xfffffffc, 0xfffffffd,
		0xfffffffe, 0xffffffff, 0x15555556, 0x2aaaaaab, 100000, 20000
	};
	struct words words;
	size_t i, k;

	for (i = 0; i < sizeof counts / sizeof *counts; i++) {
		set_words(&words, 3, counts[i], 0, 0);
		expect_refused(PROC(int_list), sizeof(int_list), &words, LITTLE);
		expect_refused(PROC(blob), sizeof(blob), &words, LITTLE);
		expect_refused(PROC(text), sizeof(text), &words, LITTLE);
		expect_refused(PROC(int_few), sizeof(int_few), &words, LITTLE);
		expect_refused(PROC(blob_few), sizeof(blob_few), &words,
			LITTLE);
		expect_refused(PROC(numbers_pointers),
			sizeof(numbers_pointers), &words, LITTLE);
		/* An empty name, and that many entries, 100 times deep. */
		words.len = 0;
		for (k = 0; k < 100; k++) {
			add_word(&words, 0);
			add_word(&words, counts[i]);
		}
		expect_refused(PROC(directory), sizeof(directory), &words,
			LITTLE + 100 * 8192);
		/* What is there is decoded, and little more allocated. */
		set_words(&words, 1, counts[i]);
		for (k = 0; k < 2000; k++)
			add_word(&words, 0);
		if (counts[i] > 8000) {
			expect_refused(PROC(int_list), sizeof(int_list), &words,
				LITTLE);
			expect_refused(PROC(blob), sizeof(blob), &words,
				LITTLE);
			expect_refused(PROC(text), sizeof(text), &words,
				LITTLE);
			expect_refused(PROC(numbers_pointers),
				sizeof(numbers_pointers), &words, LITTLE);
		}
	}
}

/* Many steps of growth, the last of which fails. */
static void
long_claim(void)
{
	static unsigned char data[4 + 300000];
	blob bytes = { 0, NULL };
	int_list list = { 0, NULL };
	size_t i;

	mrpc_xdr_store32(data, 1u << 28);
	memory_reset();
	for (i = 0; i < 2; i++) {
		CHECK(!decode(streams[i], PROC(blob), &bytes, data, sizeof data,
			NULL));
		release(PROC(blob), &bytes);
		CHECK(!decode(streams[i], PROC(int_list), &list, data,
			sizeof data, NULL));
		release(PROC(int_list), &list);
	}
	/* Old and new memory, of twice the size, while it moves. */
	CHECK(memory.peak < 4 * sizeof data);
	CHECK(memory.blocks == 0);

	/* The same with enough data. */
	for (i = 0; i < 2; i++) {
		mrpc_xdr_store32(data, sizeof data - 4);
		CHECK(decode(streams[i], PROC(blob), &bytes, data, sizeof data,
			NULL));
		CHECK(bytes.blob_len == sizeof data - 4);
		release(PROC(blob), &bytes);
		mrpc_xdr_store32(data, (sizeof data - 4) / 4);
		CHECK(decode(streams[i], PROC(int_list), &list, data,
			sizeof data, NULL));
		CHECK(list.int_list_len == (sizeof data - 4) / 4);
		release(PROC(int_list), &list);
	}
	CHECK(memory.blocks == 0);
}

/* All of it or nothing, wherever it ends. */
void
truncated(void)
{
	static unsigned char data[8192], again[8192];
	unsigned char *cut;
	arrays object;
	size_t i, used;
	long len, at;

	long_claim();
	memset(&object, 0, sizeof object);
	fill(&object);
	len = encode(inline_stream, PROC(arrays), &object, data, sizeof data);
	CHECK(len > 2000);
	CHECK(encode(plain_stream, PROC(arrays), &object, again,
		sizeof again) == len);
	CHECK(memcmp(data, again, (size_t)len) == 0);
	release(PROC(arrays), &object);
	for (i = 0; i < 2; i++) {
		for (at = 0; at < len; at++) {
			/* Memory of its own, for the sanitizer to watch. */
			cut = malloc((size_t)at + 1);
			memcpy(cut + 1, data, (size_t)at);
			memset(&object, 0, sizeof object);
			memory_reset();
			CHECK(!decode(streams[i], PROC(arrays), &object,
				cut + 1, (size_t)at, NULL));
			release(PROC(arrays), &object);
			CHECK(memory.blocks == 0);
			CHECK(object.word == NULL && object.all.all_val == NULL);
			CHECK(object.grids.grids_val == NULL);
			free(cut);
		}
		CHECK(decode(streams[i], PROC(arrays), &object, data,
			(size_t)len, &used));
		CHECK(used == (size_t)len);
		release(PROC(arrays), &object);
		/* What follows is not touched. */
		CHECK(decode(streams[i], PROC(arrays), &object, data,
			(size_t)len + 100, &used));
		CHECK(used == (size_t)len);
		release(PROC(arrays), &object);
		for (at = 0; at < len; at++) {
			memset(again, 0xa5, sizeof again);
			CHECK(decode(streams[i], PROC(arrays), &object, data,
				(size_t)len, NULL));
			CHECK(encode(streams[i], PROC(arrays), &object, again,
				(size_t)at) == -1);
			CHECK(again[at] == 0xa5);
			release(PROC(arrays), &object);
		}
	}
}

void
no_memory(void)
{
	static unsigned char data[8192];
	arrays object;
	unsigned long calls, fail;
	size_t i;
	long len;

	memset(&object, 0, sizeof object);
	fill(&object);
	len = encode(inline_stream, PROC(arrays), &object, data, sizeof data);
	release(PROC(arrays), &object);
	for (i = 0; i < 2; i++) {
		memory_reset();
		CHECK(decode(streams[i], PROC(arrays), &object, data,
			(size_t)len, NULL));
		calls = memory.calls;
		CHECK(calls > 20);
		release(PROC(arrays), &object);
		for (fail = 1; fail <= calls; fail++) {
			memset(&object, 0, sizeof object);
			memory_reset();
			memory.fail = fail;
			CHECK(!decode(streams[i], PROC(arrays), &object, data,
				(size_t)len, NULL));
			release(PROC(arrays), &object);
			CHECK(memory.blocks == 0);
		}
	}
}
