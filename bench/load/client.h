/* The soak's clients: sets, steady connections, and one operation of a kind. */
#ifndef CLIENT_H
#define CLIENT_H

#include "load.h"

#include <minirpc/minirpc.h>

#include <pthread.h>
#include <stdatomic.h>

/* How to connect. */
struct place {
	const char *name;
	struct mrpc_conn_set *set;
	int family;
	const char *host;
	char service[16];
};

/* A connection's cookie. */
struct end {
	struct mrpc_connection *conn;
	bool hostile;                   /* the server is: any status will do, but no wrong answer */
	bool passing;                   /* may end under a call */
	pthread_mutex_t order;          /* of the messages sent */
	uint64_t notes;
	atomic_uint_fast64_t news;
	atomic_int ended;
};

/* What each thread that operates has. */
struct worker {
	uint64_t random;
	_Atomic int64_t since;          /* when its operation began; 0: none */
	const char *_Atomic doing;
	/* A call that another thread is to cancel. */
	_Atomic int64_t cancel_at;
	struct mrpc_connection *cancel_on;
	mrpc_call_t cancel_key;
	int cancel_result;
};

struct client_counts {
	long calls, async_calls, nested, messages, timed_out, cancelled, late_us;
	long connections, connected, disconnected, aborted;
};
void client_counts(struct client_counts *counts);

/* A set with handlers and dispatch threads. */
struct mrpc_conn_set *client_new(int dispatchers);
/* Connects, or ends the program, and says hello. */
void client_connect(struct end *end, const struct place *place, enum who who);
/* A sync call; and the end of it all. */
void client_call(struct worker *w, struct end *end);
void client_close(struct end *end);
/* One operation by chance, on a steady connection. */
void client_operate(struct worker *w, struct end *end);
/* A connection that comes and goes. */
void client_pass(struct worker *w, const struct place *place, bool hostile);
/* Cancels what is due of so many workers. */
void client_cancel(struct worker *workers, int count);

#endif
