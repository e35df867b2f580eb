/* Compiled with each generator's header: -DHEADER='"x.h"' -DSIDE=ours. */
#include HEADER
#include "side.h"

#include <stdio.h>

enum { RECORD_COUNT = 200, NUMBER_COUNT = 10000 };

#define NEW(count, type) calloc(count, sizeof(type))
#define PROCEDURE(T) (bool_t (*)(XDR *, void *))(void (*)(void))xdr_##T

static void *make_records(void)
{
	records *all = NEW(1, records);
	char name[32];

	all->records_len = RECORD_COUNT;
	all->records_val = NEW(RECORD_COUNT, record);
	for (int i = 0; i < RECORD_COUNT; i++) {
		snprintf(name, sizeof name, "record number %d", i);
		all->records_val[i].name = strdup(name);
		all->records_val[i].id = (u_quad_t)i << 33;
		all->records_val[i].x = i * 0.5;
		all->records_val[i].y = -i;
	}
	return all;
}

#define MAKE_NUMBERS(T, number)						\
static void *make_##T(void)						\
{									\
	T *all = NEW(1, T);						\
									\
	all->T##_len = NUMBER_COUNT;					\
	all->T##_val = NEW(NUMBER_COUNT, number);			\
	for (int i = 0; i < NUMBER_COUNT; i++)				\
		all->T##_val[i] = (number)(i * 31);			\
	return all;							\
}

MAKE_NUMBERS(ints, int)
MAKE_NUMBERS(hypers, quad_t)
MAKE_NUMBERS(doubles, double)

static void *make_points(void)
{
	points *all = NEW(1, points);

	all->points_len = NUMBER_COUNT / 4;
	all->points_val = NEW(NUMBER_COUNT / 4, point);
	for (int i = 0; i < NUMBER_COUNT / 4; i++)
		all->points_val[i].x = all->points_val[i].w = i;
	return all;
}

static void *make(int type)
{
	switch (type) {
	case RECORDS:
		return make_records();
	case INTS:
		return make_ints();
	case HYPERS:
		return make_hypers();
	case DOUBLES:
		return make_doubles();
	default:
		return make_points();
	}
}

const struct side SIDE = {
	{ PROCEDURE(records), PROCEDURE(ints), PROCEDURE(hypers),
	  PROCEDURE(doubles), PROCEDURE(points) },
	make
};
