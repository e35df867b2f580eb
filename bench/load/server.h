/* The server of the programs here: a set with handlers, and what it has seen. */
#ifndef SERVER_H
#define SERVER_H

#include "load.h"

#include <minirpc/minirpc.h>

/* Since the start; all of them are counted by every server of the process. */
struct server_counts {
	long accepted, disconnected, sessions;
	long calls_made, calls_ok, calls_ended, kept, reminded;
	long ioerrs;
};

/* A set with accept, disconnect and ioerr functions and dispatch threads. */
struct mrpc_conn_set *server_new(int dispatchers);
/* A free port of 127.0.0.1; or the name of a Unix socket. */
int server_listen(struct mrpc_conn_set *set);
void server_listen_unix(struct mrpc_conn_set *set, const char *name);
void server_counts(struct server_counts *counts);
/* The thread that replies to what handlers have kept. */
void server_start_replier(void);
/* A call to a client that has said hello, by chance: checked, if that is a steady one.
 * False if there is none. */
bool server_calls(uint64_t *random);

#endif
