/* The exchange's server, with libminirpc. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "stock_server.h"

enum { NOT_FOUND = 1 };

static mrpc_status_t price(void *conn_data, struct mrpc_message *msg, symbol *in, quote *out)
{
    (void) conn_data;
    (void) msg;
    if (strcmp(*in, "ACME") != 0)
        return NOT_FOUND;
    out->name = strdup(*in);
    out->cents = 12050;
    return MINIRPC_OK;
}

static mrpc_status_t watch(void *conn_data, struct mrpc_message *msg, symbol *in)
{
    struct mrpc_connection *conn = conn_data;
    quote now = { .name = *in };
    int i;

    (void) msg;
    for (i = 1; i <= 3; i++) {
        now.cents = 12050 + i;
        if (stock_quoted(conn, &now) != MINIRPC_OK)
            break;
    }
    return MINIRPC_OK;
}

static const struct stock_server_operations operations = { .price = price, .watch = watch };

static void *accepted(void *set_data, struct mrpc_connection *conn, struct sockaddr *from,
                      socklen_t from_len)
{
    (void) set_data;
    (void) from;
    (void) from_len;
    stock_server_set_operations(conn, &operations);
    mrpc_conn_unref(conn);      /* it lives as long as it is connected */
    return conn;
}

int main(void)
{
    struct mrpc_conn_set *set;
    char *port = NULL;

    if (mrpc_conn_set_create(&set, stock_server, NULL) != 0 ||
        mrpc_set_accept_func(set, accepted) != 0 ||
        mrpc_listen(set, AF_INET, "127.0.0.1", &port) != 0)
        return 1;
    printf("port %s\n", port);
    fflush(stdout);
    free(port);
    mrpc_dispatcher_add(set);
    mrpc_dispatch_loop(set);
    return 1;
}
