/* Clients that give a server something to do. */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "load.h"
#include "top_client.h"

enum { CLIENTS = 4, CALLS = 2000 };

static pthread_t threads[CLIENTS];
static const char *server_port;
static int stopping;

static int is_stopping(void)
{
    return __atomic_load_n(&stopping, __ATOMIC_ACQUIRE);
}

/* One client's life: it connects, calls for a while, and asks to be let go. */
static void visit(struct mrpc_conn_set *set)
{
    struct mrpc_connection *conn;
    job what = { 0 };
    result *done;
    int i;

    if (mrpc_conn_create(&conn, set, NULL) != 0)
        return;
    if (mrpc_connect(conn, AF_INET, "127.0.0.1", server_port) == 0) {
        for (i = 0; i < CALLS && !is_stopping(); i++) {
            what.size = i % 100;
            if (top_work(conn, &what, &done) == MINIRPC_OK)
                free(done);
        }
        if (top_leave(conn) != MINIRPC_OK)
            mrpc_conn_close(conn);
    }
    mrpc_conn_unref(conn);
}

static void *run(void *unused)
{
    struct mrpc_conn_set *set;

    (void) unused;
    if (mrpc_conn_set_create(&set, top_client, NULL) != 0)
        return NULL;
    mrpc_start_dispatch_thread(set);
    while (!is_stopping())
        visit(set);
    mrpc_conn_set_unref(set);
    return NULL;
}

void load_start(const char *port)
{
    int i;

    server_port = port;
    for (i = 0; i < CLIENTS; i++)
        if (pthread_create(&threads[i], NULL, run, NULL) != 0) {
            perror("pthread_create");
            exit(1);
        }
}

void load_stop(void)
{
    int i;

    __atomic_store_n(&stopping, 1, __ATOMIC_RELEASE);
    for (i = 0; i < CLIENTS; i++)
        pthread_join(threads[i], NULL);
}
