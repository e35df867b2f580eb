/*
 * Objects of the types of every.mx by number, and their comparison. For
 * wire/every_type.
 */
#ifndef SAMPLES_H
#define SAMPLES_H

#include "harness.h"

#include <limits.h>
#include "every_xdr.h"
#include "every_minirpc.h"

/* ---- samples, by number; all memory is from malloc ---- */

static uint64_t number_of(int sample, int i)
{
	static const uint64_t edges[] = {
		0, 1, 0x7f, 0x80, 0x0102030405060708u, UINT64_MAX, INT64_MAX,
		(uint64_t)INT64_MIN, 0x80000000u, 0x7fffffff,
	};

	return edges[(sample * 7 + i * 3) % 10] ^ (uint64_t)(sample / 3);
}

/* Among them one that a floating-point register may change. */
static void set_double(double *d, int sample)
{
	static const uint64_t bits[] = {
		0x3ff0000000000000u, 0x8000000000000000u, 0x7ff0000000000001u,
		0xfff0000000000000u, 0x0000000000000001u, 0x400921fb54442d18u,
	};

	memcpy(d, &bits[sample % 6], sizeof(*d));
}

static void set_float(float *f, int sample)
{
	static const uint32_t bits[] = {
		0x3f800000, 0x80000000, 0x7f800001, 0xff800000, 0x00000001, 0x40490fdb,
	};

	memcpy(f, &bits[sample % 6], sizeof(*f));
}

static shade shade_of(int sample)
{
	static const shade shades[] = { DARK, MIDDLE, LIGHT };

	return shades[sample % 3];
}

static void make_numbers(numbers *n, int sample)
{
	n->c = (char)number_of(sample, 0);
	n->uc = (unsigned char)number_of(sample, 1);
	n->s = (short)number_of(sample, 2);
	n->us = (unsigned short)number_of(sample, 3);
	n->i = (int)number_of(sample, 4);
	n->u = (unsigned)number_of(sample, 5);
	/* On the wire, they have 32 bits. */
	n->l = (int32_t)number_of(sample, 6);
	n->ul = (uint32_t)number_of(sample, 7);
	n->h = (int64_t)number_of(sample, 8);
	n->uh = number_of(sample, 9);
	set_float(&n->f, sample);
	set_double(&n->d, sample + 1);
	n->b = sample % 2;
	n->e = shade_of(sample);
}

static void make_system(system_numbers *n, int sample)
{
	n->a = (u_char)number_of(sample, 1);
	n->b = (u_short)number_of(sample, 2);
	n->c = (u_int)number_of(sample, 3);
	n->d = (uint32_t)number_of(sample, 4);
	n->e = (int64_t)number_of(sample, 5);
	n->f = number_of(sample, 6);
	n->g = (int8_t)number_of(sample, 7);
	n->h = (uint8_t)number_of(sample, 8);
	n->i = (int16_t)number_of(sample, 9);
	n->j = (uint16_t)number_of(sample, 10);
	n->k = (int32_t)number_of(sample, 11);
	n->l = (uint32_t)number_of(sample, 12);
	n->m = (int64_t)number_of(sample, 13);
	n->n = number_of(sample, 14);
	n->o = (sample + 1) % 2;
}

static char *make_text(int sample)
{
	char *text;

	REQUIRE(asprintf(&text, "text %d, %.*s", sample, sample, "longer") > 0);
	return text;
}

/* An array of count elements, which `var` points to. */
#define ARRAY(var, count) \
	((var##_len) = (u_int)(count), (var##_val) = calloc((count) + 1u, sizeof(*var##_val)))
#define NEW(pointer) ((pointer) = calloc(1, sizeof(*(pointer))))

static void make_sequences(sequences *s, int sample)
{
	u_int i;

	for (i = 0; i < sizeof(s->fixed); i++)
		s->fixed[i] = (char)number_of(sample, (int)i);
	ARRAY(s->bytes.blob, sample * 3);
	memset(s->bytes.blob_val, 0xa0 + sample, s->bytes.blob_len);
	s->word = make_text(sample);
	for (i = 0; i < 3; i++)
		s->three[i] = (int)number_of(sample, (int)i);
	ARRAY(s->grid.grid, sample % 3);
	for (i = 0; i < 3 * s->grid.grid_len; i++)
		s->grid.grid_val[i / 3][i % 3] = (int)(100 * i) - sample;
	ARRAY(s->few.few, sample % 5);
	for (i = 0; i < s->few.few_len; i++)
		s->few.few_val[i] = (short)number_of(sample, (int)i);
	ARRAY(s->wide.wide, sample * 11);
	for (i = 0; i < s->wide.wide_len; i++)
		s->wide.wide_val[i] = (int64_t)number_of(sample, (int)i);
	set_double(&s->reals[0], sample);
	set_double(&s->reals[1], sample + 3);
	ARRAY(s->shades.shades, 3);
	for (i = 0; i < 3; i++)
		s->shades.shades_val[i] = shade_of(sample + (int)i);
	ARRAY(s->all.all, sample % 3);
	for (i = 0; i < s->all.all_len; i++)
		make_numbers(&s->all.all_val[i], sample + (int)i);
	ARRAY(s->words.words, 2);
	for (i = 0; i < 2; i++)
		s->words.words_val[i] = make_text(sample + (int)i);
	for (i = 0; i < 100; i++)
		s->large[i] = (int)(i * i) - sample;
}

static void make_optionals(optionals *o, int sample)
{
	*NEW(o->number) = (int)number_of(sample, 4);
	*NEW(o->wide) = (int64_t)number_of(sample, 5);
	*NEW(o->word) = make_text(sample);
	make_numbers(NEW(o->all), sample);
}

static void make_choice(choice *c, int sample)
{
	static const int kinds[] = { -1, 2, 3, INT_MIN };

	c->kind = kinds[sample % 4];
	switch (c->kind) {
	case -1:
		c->choice_u.h = (int64_t)number_of(sample, 1);
		break;
	case 2:
		c->choice_u.word = make_text(sample);
		break;
	case 3:
		make_numbers(&c->choice_u.all, sample);
		break;
	}
}

static void make(everything *e, int sample)
{
	node **end = &e->list;
	u_int i;

	memset(e, 0, sizeof(*e));
	e->sample = sample;
	make_numbers(&e->plain, sample);
	make_system(&e->system, sample);
	make_sequences(&e->many, sample);
	make_optionals(&e->there, sample);
	ARRAY(e->choices.choices, 4);
	for (i = 0; i < 4; i++)
		make_choice(&e->choices.choices_val[i], sample + (int)i);
	ARRAY(e->shaded.shaded, 2);
	e->shaded.shaded_val[0].s = DARK;
	set_double(&e->shaded.shaded_val[0].by_shade_u.d, sample);
	e->shaded.shaded_val[1].s = LIGHT;
	make_optionals(&e->shaded.shaded_val[1].by_shade_u.some, sample + 1);
	e->flags[0].b = TRUE;
	e->flags[0].by_bool_u.s = (short)number_of(sample, 3);
	for (i = 0; i < (u_int)sample; i++, end = &(*end)->next) {
		NEW(*end)->value = (int)i;
		(*end)->wide = (int64_t)number_of(sample, (int)i);
	}
	NEW(e->root)->value = number_of(sample, 6);
	NEW(e->root->right)->value = number_of(sample, 7);
	NEW(e->root->right->left)->value = number_of(sample, 8);
}

/* ---- comparing, member by member: memory between them means nothing ---- */

#define SAME(member) (memcmp(&a->member, &b->member, sizeof(a->member)) == 0)
#define SAME_ARRAY(var) (a->var##_len == b->var##_len && (a->var##_len == 0 || \
	memcmp(a->var##_val, b->var##_val, a->var##_len * sizeof(*a->var##_val)) == 0))
#define SAME_EACH(same, var) same_each(a->var##_len, b->var##_len, a->var##_val, \
	b->var##_val, sizeof(*a->var##_val), same)

typedef bool same_fn(const void *, const void *);

static bool same_each(u_int count, u_int other, const void *a, const void *b, size_t size,
		      same_fn *same)
{
	u_int i;

	for (i = 0; count == other && i < count; i++)
		if (!same((const char *)a + i * size, (const char *)b + i * size))
			return false;
	return count == other;
}

static bool same_text(const void *one, const void *other)
{
	const text *a = one, *b = other;

	return strcmp(*a, *b) == 0;
}

static bool same_numbers(const void *one, const void *other)
{
	const numbers *a = one, *b = other;

	return SAME(c) && SAME(uc) && SAME(s) && SAME(us) && SAME(i) && SAME(u) && SAME(l) &&
		SAME(ul) && SAME(h) && SAME(uh) && SAME(f) && SAME(d) && SAME(b) && SAME(e);
}

static bool same_system(const system_numbers *a, const system_numbers *b)
{
	return SAME(a) && SAME(b) && SAME(c) && SAME(d) && SAME(e) && SAME(f) && SAME(g) &&
		SAME(h) && SAME(i) && SAME(j) && SAME(k) && SAME(l) && SAME(m) && SAME(n) &&
		SAME(o);
}

static bool same_sequences(const sequences *a, const sequences *b)
{
	return SAME(fixed) && SAME_ARRAY(bytes.blob) && same_text(&a->word, &b->word) &&
		SAME(three) && SAME_ARRAY(grid.grid) && SAME_ARRAY(few.few) &&
		SAME_ARRAY(wide.wide) && SAME(reals) && SAME_ARRAY(shades.shades) &&
		SAME_EACH(same_numbers, all.all) && SAME_EACH(same_text, words.words) &&
		SAME(large);
}

static bool same_optionals(const optionals *a, const optionals *b)
{
	return a->number && b->number && *a->number == *b->number && a->wide && b->wide &&
		*a->wide == *b->wide && a->word && b->word && same_text(a->word, b->word) &&
		a->all && b->all && same_numbers(a->all, b->all);
}

static bool same_choice(const void *one, const void *other)
{
	const choice *a = one, *b = other;

	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case -1:
		return SAME(choice_u.h);
	case 2:
		return same_text(&a->choice_u.word, &b->choice_u.word);
	case 3:
		return same_numbers(&a->choice_u.all, &b->choice_u.all);
	default:
		return true;
	}
}

static bool same_list(const node *a, const node *b)
{
	for (; a != NULL && b != NULL; a = a->next, b = b->next)
		if (a->value != b->value || a->wide != b->wide)
			return false;
	return a == NULL && b == NULL;
}

static bool same_tree(const tree *a, const tree *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return a->value == b->value && same_tree(a->left, b->left) &&
		same_tree(a->right, b->right);
}

static bool check_shaded(const everything *a, const everything *b)
{
	const by_shade *x = a->shaded.shaded_val, *y = b->shaded.shaded_val;

	return CHECK_EQ(a->shaded.shaded_len, b->shaded.shaded_len) &&
		CHECK(x[0].s == y[0].s && x[1].s == y[1].s) &&
		CHECK_MEM(&x[0].by_shade_u.d, &y[0].by_shade_u.d, sizeof(double)) &&
		CHECK(same_optionals(&x[1].by_shade_u.some, &y[1].by_shade_u.some));
}

/* That it is the sample of a number. */
static bool check(const everything *a, int sample)
{
	everything own, *b = &own;
	bool ok;

	make(b, sample);
	ok = CHECK_EQ(a->sample, sample) && CHECK(same_numbers(&a->plain, &b->plain)) &&
		CHECK(same_system(&a->system, &b->system)) &&
		CHECK(same_sequences(&a->many, &b->many)) &&
		CHECK(same_optionals(&a->there, &b->there)) && CHECK(SAME(absent)) &&
		CHECK(SAME_EACH(same_choice, choices.choices)) && check_shaded(a, b) &&
		CHECK(a->flags[0].b == TRUE && a->flags[1].b == FALSE) &&
		CHECK_EQ(a->flags[0].by_bool_u.s, b->flags[0].by_bool_u.s) &&
		CHECK(same_list(a->list, b->list)) && CHECK(same_tree(a->root, b->root));
	free_everything(b, 0);
	return ok;
}

#endif
