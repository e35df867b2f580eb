/* Sets that accept connections and serve them. Needs the stubs of test.mx. */
#ifndef ACCEPT_H
#define ACCEPT_H

#include "harness.h"

#include "test_server.h"

static struct counter accepted = COUNTER_INIT;
static struct mrpc_connection *server;          /* the last one */
static struct probe server_probe;               /* the cookie of all of them */

/* The set's cookie is the operations. The test has the reference. */
static inline void *accept_and_keep(void *ops, struct mrpc_connection *conn, struct sockaddr *from,
				    socklen_t len)
{
	(void)from;
	(void)len;
	CHECK_EQ(test_server_set_operations(conn, ops), 0);
	pthread_mutex_lock(&accepted.lock);
	server = conn;
	accepted.n++;
	pthread_cond_broadcast(&accepted.changed);
	pthread_mutex_unlock(&accepted.lock);
	return &server_probe;
}

/* Likewise, and the reference is dropped. */
static inline void *accept_and_drop(void *ops, struct mrpc_connection *conn, struct sockaddr *from,
				    socklen_t len)
{
	void *cookie = accept_and_keep(ops, conn, from, len);

	mrpc_conn_unref(conn);
	return cookie;
}

/* None so far. */
static inline void accept_anew(void)
{
	counter_init(&accepted);
	probe_init(&server_probe);
}

/* A set with one of these functions, or one that calls it. */
static inline struct mrpc_conn_set *accept_open(mrpc_accept_fn *accept,
						const struct test_server_operations *ops)
{
	struct mrpc_conn_set *set;

	accept_anew();
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_server, (void *)ops), 0);
	probe_watch(set);
	REQUIRE_EQ(mrpc_set_accept_func(set, accept), 0);
	return set;
}

#endif
