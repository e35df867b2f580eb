/* The telephone book's server, with libminirpc. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "phone_server.h"

enum { NO_SUCH_NAME = 1, BOOK_IS_FULL = 2, MOST = 100 };

static entry book[MOST];
static int entries;

static mrpc_status_t add(void *conn_data, struct mrpc_message *msg, entry *in)
{
    (void) conn_data;
    (void) msg;
    if (entries == MOST)
        return BOOK_IS_FULL;
    book[entries].name = strdup(in->name);
    book[entries++].number = strdup(in->number);
    return MINIRPC_OK;
}

static mrpc_status_t find(void *conn_data, struct mrpc_message *msg, who *in, number *out)
{
    int i;

    (void) conn_data;
    (void) msg;
    for (i = 0; i < entries; i++)
        if (strcmp(book[i].name, *in) == 0) {
            *out = strdup(book[i].number);      /* freed for us, once it is sent */
            return MINIRPC_OK;
        }
    return NO_SUCH_NAME;
}

static const struct phone_server_operations operations = { .add = add, .find = find };

static void *accepted(void *set_data, struct mrpc_connection *conn, struct sockaddr *from,
                      socklen_t from_len)
{
    (void) set_data;
    (void) from;
    (void) from_len;
    phone_server_set_operations(conn, &operations);
    mrpc_conn_unref(conn);      /* it lives as long as it is connected */
    return NULL;
}

int main(void)
{
    struct mrpc_conn_set *set;
    char *port = NULL;

    if (mrpc_conn_set_create(&set, phone_server, NULL) != 0 ||
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
