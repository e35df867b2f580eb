/* Handlers that keep their requests, to be answered later. Needs the stubs of test.mx. */
#ifndef KEEP_H
#define KEEP_H

#include "harness.h"

#include "test_server.h"

enum { KEPT_MAX = 4096 };

static struct counter keeps = COUNTER_INIT;     /* counter_init: none any more */
static struct mrpc_message *kept[KEPT_MAX];     /* in the order in which they came */

/* For a handler that does more: what it returns. */
static inline mrpc_status_t keep(struct mrpc_message *msg)
{
	pthread_mutex_lock(&keeps.lock);
	REQUIRE(keeps.n < KEPT_MAX);
	kept[keeps.n++] = msg;
	pthread_cond_broadcast(&keeps.changed);
	pthread_mutex_unlock(&keeps.lock);
	return MINIRPC_PENDING;
}

static inline mrpc_status_t keep_later(void *data, struct mrpc_message *msg, number *in,
				       number *out)
{
	(void)data;
	(void)in;
	(void)out;
	return keep(msg);
}

static inline mrpc_status_t keep_later_void(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)in;
	return keep(msg);
}

/* The reply to one that keep_later has kept. */
static inline mrpc_status_t answer_kept(int i, number value)
{
	return test_later_send_async_reply(kept[i], &value);
}

#endif
