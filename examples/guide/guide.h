/* What each of the guide's programs needs: errors that end it, two sets, a pair of ends. */
#ifndef GUIDE_H
#define GUIDE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "guide_client.h"
#include "guide_server.h"

/* For functions that return 0 or an errno. */
#define OK(call) do { \
	int ok_error_ = (call); \
	if (ok_error_ != 0) { \
		fprintf(stderr, #call ": %s\n", strerror(ok_error_)); \
		exit(1); \
	} \
} while (0)

/* A set with a thread that runs its events. */
static inline struct mrpc_conn_set *guide_set(const struct mrpc_protocol *protocol)
{
	struct mrpc_conn_set *set;

	OK(mrpc_conn_set_create(&set, protocol, NULL));
	OK(mrpc_start_dispatch_thread(set));
	return set;
}

/* A connection of each set, joined to the other. Whoever called it has a reference on both. */
static inline void guide_join(struct mrpc_conn_set *client, struct mrpc_connection **ours,
			      struct mrpc_conn_set *server, struct mrpc_connection **theirs)
{
	int fds[2];

	OK(mrpc_conn_create(ours, client, NULL));
	OK(mrpc_conn_create(theirs, server, NULL));
	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	OK(mrpc_bind_fd(*ours, fds[0]));
	OK(mrpc_bind_fd(*theirs, fds[1]));
}

#endif
