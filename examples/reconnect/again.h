/* A connection that comes back: policy, and so the application's, not the library's. */
#ifndef AGAIN_H
#define AGAIN_H

#include <minirpc/minirpc.h>

/* Which calls may be made again after one whose outcome nobody knows: the request was sent,
   and then the connection ended, or the time was up. */
enum again_what {
    AGAIN_ANY,                  /* twice does no harm */
    AGAIN_UNDONE                /* only what has certainly not been done */
};

struct again;

/* Makes the call: a stub whose name ends in _with. */
typedef mrpc_status_t again_call_fn(struct mrpc_connection *conn,
                                    const struct mrpc_call_options *options, void *data);

/* Nothing is connected before the first call. Returns 0 or an errno. */
int again_create(struct again **again, const struct mrpc_protocol *protocol, const char *host,
                 const char *service);

/* Makes a call, if need be several times, on several connections, until it has succeeded or
   `deadline_ms` have passed. Returns what the last attempt returned: after
   MINIRPC_NETWORK_FAILURE and MINIRPC_TIMEDOUT it may have been done, unless
   `again_was_undone` says that it has not. One thread at a time. */
mrpc_status_t again_call(struct again *again, enum again_what what, unsigned deadline_ms,
                         again_call_fn *call, void *data);
int again_was_undone(const struct again *again);

/* How many connections there have been, also such on which nothing was answered: the listener
   of a server that dies may take one after all others have ended. */
unsigned again_connections(const struct again *again);

/* How many attempts have come to nothing. */
unsigned again_failures(const struct again *again);

void again_destroy(struct again *again);

#endif
