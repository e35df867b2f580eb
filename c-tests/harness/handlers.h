/* Handlers that do what is asked, and no more. Needs the stubs of test.mx. */
#ifndef HANDLERS_H
#define HANDLERS_H

#include "harness.h"

#include "test_server.h"

static struct counter notified = COUNTER_INIT;

static inline mrpc_status_t answer_ping(void *data, struct mrpc_message *msg)
{
	(void)data;
	(void)msg;
	return MINIRPC_OK;
}

static inline mrpc_status_t answer_add(void *data, struct mrpc_message *msg, operands *in,
				       number *out)
{
	(void)data;
	(void)msg;
	*out = in->a + in->b;
	return MINIRPC_OK;
}

static inline mrpc_status_t answer_echo(void *data, struct mrpc_message *msg, blob *in, blob *out)
{
	(void)data;
	(void)msg;
	*out = *in;     /* the library frees out, and finds nothing left in in */
	memset(in, 0, sizeof(*in));
	return MINIRPC_OK;
}

static inline void count_notify(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	(void)in;
	counter_add(&notified, 1);
}

#endif
