#ifndef PEER_H
#define PEER_H

struct mrpc_connection;

int set_server_operations(struct mrpc_connection *conn);
int set_client_operations(struct mrpc_connection *conn);

#endif
