/* What a set does, live: a top for a server under load. Usage: top [-n TIMES] [-d MS]

   Refreshed each second, or every MS milliseconds, until Ctrl-C, or so many times. The
   clients, four threads, are in the same process (load.c); the view of the server's set is
   in screen.c. */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "load.h"
#include "screen.h"
#include "top_server.h"

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
    (void) signal;
    stopped = 1;
}

static mrpc_status_t work(void *conn_data, struct mrpc_message *msg, job *in, result *out)
{
    int i, sum = 0;

    (void) conn_data;
    (void) msg;
    for (i = 0; i < in->size * 100; i++)
        sum = (sum + i) % 1000003;
    *out = sum;
    return MINIRPC_OK;
}

/* A message knows the connection that it came on. */
static void leave(void *conn_data, struct mrpc_message *msg)
{
    struct mrpc_connection *conn;

    (void) conn_data;
    if (mrpc_message_get_connection(msg, &conn) == 0) {
        mrpc_conn_close(conn);
        mrpc_conn_unref(conn);
    }
}

static const struct top_server_operations operations = { .work = work, .leave = leave };

static void *accepted(void *set_data, struct mrpc_connection *conn, struct sockaddr *from,
                      socklen_t from_len)
{
    (void) set_data;
    (void) from;
    (void) from_len;
    top_server_set_operations(conn, &operations);
    mrpc_conn_unref(conn);
    return NULL;
}

static void must(int error, const char *what)
{
    if (error != 0) {
        fprintf(stderr, "%s: %s\n", what, strerror(error));
        exit(1);
    }
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    struct mrpc_conn_set *set;
    char *port = NULL;
    long times = 0, ms = 1000, i;
    double last, seconds;
    int option;

    while ((option = getopt(argc, argv, "n:d:")) != -1)
        if (option == 'n') {
            times = atol(optarg);
        } else if (option == 'd') {
            ms = atol(optarg);
        } else {
            fprintf(stderr, "usage: top [-n TIMES] [-d MS]\n");
            return 2;
        }
    signal(SIGINT, stop);
    signal(SIGTERM, stop);
    must(mrpc_conn_set_create(&set, top_server, NULL), "mrpc_conn_set_create");
    must(mrpc_set_accept_func(set, accepted), "mrpc_set_accept_func");
    must(mrpc_set_latency_enabled(set, 1), "mrpc_set_latency_enabled");
    must(mrpc_start_dispatch_thread(set), "mrpc_start_dispatch_thread");
    must(mrpc_listen(set, AF_INET, "127.0.0.1", &port), "mrpc_listen");
    load_start(port);
    last = now();
    for (i = 0; !stopped && (times == 0 || i < times); i++) {
        usleep((useconds_t) ms * 1000);
        seconds = now() - last;
        last += seconds;
        screen_show(set, seconds);
    }
    load_stop();
    mrpc_listen_close(set);
    mrpc_conn_set_unref(set);
    free(port);
    return 0;
}
