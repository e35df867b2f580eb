/* Draining from a thread of its own. */
#ifndef DRAIN_H
#define DRAIN_H

#include "extra_rt.h"

struct drain {
	struct mrpc_conn_set *set;
	unsigned timeout;       /* ms */
	int result;
	int64_t took;           /* ms */
	struct counter over;
	pthread_t thread;
};

static inline void *drain_run(void *arg)
{
	struct drain *d = arg;
	int64_t start = now_ms();

	d->result = mrpc_drain(d->set, d->timeout);
	d->took = now_ms() - start;
	counter_add(&d->over, 1);
	return NULL;
}

static inline bool drain_began(struct mrpc_conn_set *set)
{
	char *port = NULL;
	int result = mrpc_listen(set, AF_INET, "127.0.0.1", &port);

	free(port);
	return result == ESHUTDOWN;
}

/* Returns when nothing new is let in. */
static inline void drain_start(struct drain *d, struct mrpc_conn_set *set, unsigned timeout)
{
	d->set = set;
	d->timeout = timeout;
	counter_init(&d->over);
	d->thread = thread_start(drain_run, d);
	WAIT_FOR(drain_began(set));
}

static inline int drain_join(struct drain *d)
{
	thread_join(d->thread);
	return d->result;
}

/* A handler that stays until it may go. */
static struct counter held = COUNTER_INIT, go = COUNTER_INIT;

static inline mrpc_status_t drain_hold(void *data, struct mrpc_message *msg)
{
	(void)data;
	(void)msg;
	counter_add(&held, 1);
	COUNTER_WAIT(&go, 1);
	return MINIRPC_OK;
}

static inline void *drain_accept(void *data, struct mrpc_connection *conn,
				 struct sockaddr *from, socklen_t len)
{
	(void)data;
	(void)conn;
	(void)from;
	(void)len;
	return NULL;
}

#endif
