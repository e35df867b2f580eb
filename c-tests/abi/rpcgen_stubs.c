/* NEEDS: rpcgen libtirpc */
/* RPCGEN: types.x */
/* LIBS: -ltirpc */
/*
 * XDR procedures made by rpcgen, with libtirpc's functions behind them, over our
 * streams: calls both ways, runs that move by x_inline, payloads that are cut,
 * too long or wrong.
 */
#include "byhand.h"

#include "types.h"

static const struct kind list[] = {
	KIND(xdr_r_record, r_record), KIND(xdr_r_run, r_run), KIND(xdr_r_mixed, r_mixed),
	KIND(xdr_r_chain, r_chain), KIND(xdr_r_block, r_block), KIND(xdr_r_blob, r_blob),
	KIND(xdr_r_text, r_text), KIND(xdr_r_choice, r_choice)
};
enum { RECORD = 1, RUN, MIXED, CHAIN, BLOCK, BLOB, TEXT, CHOICE };

static struct pair p;

/* The reply, which the caller frees; from the client, or from the server. */
static void *call(int from_server, int cmd, void *in)
{
	void *out = NULL;

	if (from_server)
		CHECK_EQ(mrpc_send_request(hand_server, p.server, cmd, in, &out), MINIRPC_OK);
	else
		CHECK_EQ(mrpc_send_request(hand_client, p.client, cmd, in, &out), MINIRPC_OK);
	REQUIRE(out != NULL);
	return out;
}

static void release(int cmd, void *out)
{
	xdr_free(list[cmd - 1].proc, out);
	free(out);
}

static void use_record(int from_server)
{
	int values[] = { 1, -2, 3 };
	r_record in = { (char *)"a name", R_BLUE, { -7, 8 }, { 3, values }, TRUE }, *out;

	out = call(from_server, RECORD, &in);
	CHECK_STR(out->name, "a name");
	CHECK_EQ(out->tint, R_BLUE);
	CHECK(out->span.a == -7 && out->span.b == 8);
	CHECK_EQ(out->values.values_len, 3);
	CHECK_MEM(out->values.values_val, values, sizeof(values));
	CHECK_EQ(out->flag, TRUE);
	release(RECORD, out);
}

static void use_run(int from_server)
{
	r_run in, *out;
	int i;

	memset(&in, 0, sizeof(in));
	in.a = -1, in.b = 0xfffffffe, in.c = 3, in.d = -4, in.e = 65531, in.f = 6, in.g = TRUE;
	in.h = R_GREEN, in.middle = (char *)"middle", in.i = -9, in.j = 10, in.k = 'k';
	in.l = 11, in.m = -12, in.n = 13, in.o = -0x123456789aLL, in.p = ~0ULL, in.q = 0.5, in.r = -8;
	for (i = 0; i < 20; i++)
		in.many[i] = i * i - 50;
	out = call(from_server, RUN, &in);
	CHECK(out->a == -1 && out->b == 0xfffffffe && out->c == 3 && out->d == -4);
	CHECK(out->e == 65531 && out->f == 6 && out->g == TRUE && out->h == R_GREEN);
	CHECK_STR(out->middle, "middle");
	CHECK_MEM(out->many, in.many, sizeof(in.many));
	/* libtirpc's macro for an inline long leaves off the sign. */
	CHECK((int)out->i == -9 && out->j == 10 && out->k == 'k');
	CHECK(out->l == 11 && out->m == -12 && out->n == 13);
	CHECK(out->o == in.o && out->p == in.p && out->q == 0.5 && out->r == -8);
	release(RUN, out);
}

static void use_mixed(int from_server)
{
	r_operands pairs[2] = { { 1, 2 }, { 3, 4 } };
	r_choice choices[3];
	r_open maybe = { 1, { 0x55 } };
	r_mixed in = { { 3, choices }, &maybe, { 2, { 0 } }, { 3, (char *)"xyz" } }, *out;

	choices[0].kind = R_RED, choices[0].r_choice_u.number = 42;
	choices[1].kind = R_GREEN, choices[1].r_choice_u.word = (char *)"word";
	choices[2].kind = R_BLUE;
	choices[2].r_choice_u.pairs.pairs_len = 2, choices[2].r_choice_u.pairs.pairs_val = pairs;
	out = call(from_server, MIXED, &in);
	REQUIRE(out->choices.choices_len == 3);
	CHECK_EQ(out->choices.choices_val[0].r_choice_u.number, 42);
	CHECK_STR(out->choices.choices_val[1].r_choice_u.word, "word");
	CHECK_MEM(out->choices.choices_val[2].r_choice_u.pairs.pairs_val, pairs, sizeof(pairs));
	CHECK(out->maybe != NULL && out->maybe->r_open_u.wide == 0x55);
	CHECK_EQ(out->open.kind, 2);
	CHECK_EQ(out->tail.tail_len, 3);
	release(MIXED, out);
	in.maybe = NULL;
	in.choices.choices_len = 0;
	out = call(from_server, MIXED, &in);
	CHECK_PTR(out->maybe, NULL);
	CHECK_EQ(out->choices.choices_len, 0);
	release(MIXED, out);
}

static void use_others(int from_server)
{
	r_node last = { 3, NULL }, middle = { 2, &last }, first = { 1, &middle };
	r_chain chain = { &first }, *chain_out;
	r_block block = { "twelve bytes", 7 }, *block_out;
	static char bytes[16000];
	r_blob blob = { sizeof(bytes), bytes }, *blob_out;
	r_text text = (char *)"", *text_out;

	chain_out = call(from_server, CHAIN, &chain);
	CHECK(chain_out->first->next->next->value == 3);
	CHECK_PTR(chain_out->first->next->next->next, NULL);
	release(CHAIN, chain_out);
	memset(bytes, 'b', sizeof(bytes));
	block_out = call(from_server, BLOCK, &block);
	CHECK_MEM(block_out, &block, sizeof(block));
	release(BLOCK, block_out);
	blob_out = call(from_server, BLOB, &blob);
	CHECK_EQ(blob_out->r_blob_len, sizeof(bytes));
	CHECK_MEM(blob_out->r_blob_val, bytes, sizeof(bytes));
	release(BLOB, blob_out);
	text_out = call(from_server, TEXT, &text);
	CHECK_STR(*text_out, "");
	release(TEXT, text_out);
}

/* As our own side encodes it: cut anywhere, and followed by more. */
static void damage(struct hand *h, int cmd, void *object)
{
	struct frame f;
	uint32_t len;

	CHECK_EQ(mrpc_send_request_noreply(hand_server, h->conn, -cmd, object), MINIRPC_OK);
	peer_recv(h->fd, &f);
	HAND_ECHO(h, cmd, f.data, f.len);
	for (len = 0; len < f.len; len += len < 80 ? 1 : 97)
		HAND_REFUSED(h, cmd, f.data, len);
	f.data = realloc(f.data, f.len + 4);
	memset(f.data + f.len, 0, 4);
	HAND_REFUSED(h, cmd, f.data, f.len + 4);
	HAND_REFUSED(h, cmd, f.data, f.len + 1);
	free(f.data);
}

static void refuse(struct hand *h, int cmd, const char *bytes, size_t len)
{
	HAND_REFUSED(h, cmd, bytes, len);
}

int main(void)
{
	int values[] = { 1, -2, 3 };
	r_record record = { (char *)"a name", R_BLUE, { -7, 8 }, { 3, values }, TRUE };
	r_node second = { 2, NULL }, first = { 1, &second };
	r_chain chain = { &first };
	r_run run;
	r_choice choice = { 7, { 0 } };
	struct leaks leaks;
	struct hand h;
	int way, i;

	leaks_begin(&leaks);
	KINDS(list);
	hand_pair(&p);
	for (way = 0; way < 2; way++) {
		SECTION("calls from the %s", way ? "server" : "client");
		for (i = 0; i < 5; i++) {
			use_record(way);
			use_run(way);
			use_mixed(way);
			use_others(way);
		}
	}
	SECTION("what rpcgen's procedures refuse to encode");
	CHECK_EQ(mrpc_send_request_noreply(hand_client, p.client, -CHOICE, &choice),
		 MINIRPC_ENCODING_ERR);
	pair_close(&p);

	SECTION("damaged payloads");
	hand_open(&h);
	damage(&h, RECORD, &record);
	damage(&h, CHAIN, &chain);
	memset(&run, 0, sizeof(run));
	run.middle = (char *)"m";
	damage(&h, RUN, &run);

	SECTION("wrong payloads: a discriminant, a bound, a string with a bound");
	refuse(&h, CHOICE, "\0\0\0\7\0\0\0\0", 8);
	refuse(&h, CHOICE, "\0\0\0\2\0\0\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 40);
	refuse(&h, CHOICE, "\0\0\0\1\0\0\0\6abcdef\0\0", 16);
	refuse(&h, BLOB, "\0\0\0\144abc", 8);
	hand_close(&h);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
