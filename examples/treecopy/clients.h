/* The server's clients: who is connected, what they were sent, who wants to
   hear of changes.  Any thread may call any of these. */

#ifndef TREECOPY_CLIENTS_H
#define TREECOPY_CLIENTS_H

#include <sys/socket.h>

#include "treecopy_server.h"

struct client;

/* Once, before there are clients. */
void clients_set_status_interval(unsigned ms);

/* For the accept function.  Takes over the connection's reference.  NULL if
   there are too many clients, or no memory; the reference is then untouched. */
struct client *client_add(struct mrpc_connection *conn, const struct sockaddr *from,
                          socklen_t from_len);

/* For the disconnect function: the last that is done with a client. */
void client_remove(struct client *client, enum mrpc_disc_reason reason);

const char *client_name(const struct client *client);

/* Every handler says that its client is alive. */
void client_made_call(struct client *client);

/* A reply with that much data is about to be sent. */
void client_served_bytes(struct client *client, unsigned bytes);

void client_wants_changes(struct client *client);
void client_finished(struct client *client, const tc_progress *progress);

void clients_push_change(tc_change_kind kind, const char *path);

/* Closes all connections and returns when all clients are removed.  The caller
   has closed the listeners. */
void clients_close_all(void);

#endif
