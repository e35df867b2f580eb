/* Attempts to connect that nobody waits for, and what their callbacks are told. */
#ifndef ATTEMPT_H
#define ATTEMPT_H

#include "connect.h"

/* The connection's cookie, and what its callback is given. */
struct attempt {
	struct probe probe;             /* first: probe_watch expects it */
	struct mrpc_connection *conn;
	struct counter told;            /* callbacks */
	int error;                      /* of the last one */
	void (*then)(struct attempt *a);        /* within it */
	int result;                     /* of what was done there */
	const char *port;
};

UNUSED static void attempt_told(void *conn_data, void *data, int error)
{
	struct attempt *a = data;

	CHECK_PTR(conn_data, a);
	CHECK_EQ(counter_get(&a->probe.disconnects), 0);
	a->error = error;
	if (a->then != NULL)
		a->then(a);
	counter_add(&a->told, 1);
}

UNUSED static void attempt_init(struct attempt *a, struct mrpc_conn_set *set)
{
	memset(a, 0, sizeof(*a));
	probe_init(&a->probe);
	counter_init(&a->told);
	a->error = a->result = -1;
	REQUIRE_EQ(mrpc_conn_create(&a->conn, set, a), 0);
}

UNUSED static int attempt_tcp(struct attempt *a, const char *port)
{
	return mrpc_connect_async(a->conn, AF_INET, "127.0.0.1", port, attempt_told, a);
}

/* One that stands is closed; the handle is given up. */
UNUSED static void attempt_end(struct attempt *a)
{
	if (mrpc_conn_close(a->conn) == 0)
		COUNTER_WAIT(&a->probe.disconnects, 1);
	mrpc_conn_unref(a->conn);
}

/* The sync call that succeeds as soon as the connection stands. */
UNUSED static bool attempt_stands(struct attempt *a)
{
	return test_ping(a->conn) == MINIRPC_OK;
}

#endif
