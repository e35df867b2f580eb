/* One server process: takes over the sockets that its parent holds for it (descriptors 3 and
   up, as service managers pass them on), serves on the first, tells its numbers over HTTP on the
   second, and drains when it gets SIGTERM. Usage: scale_server [--proxy] */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "metrics.h"
#include "scale_server.h"
#include "work.h"

#define FIRST_FD 3
#define DRAIN_MS 5000

static mrpc_status_t do_work(void *conn_data, struct mrpc_message *msg, seed *in, result *out)
{
    (void) conn_data;
    (void) msg;
    out->value = work_value(*in);
    out->server = (unsigned) getpid();
    return MINIRPC_OK;
}

static const struct scale_server_operations operations = { .work = do_work };

static void *on_accept(void *set_data, struct mrpc_connection *conn, struct sockaddr *from,
                       socklen_t len)
{
    (void) set_data;
    (void) from;
    (void) len;
    scale_server_set_operations(conn, &operations);
    mrpc_conn_unref(conn);
    return NULL;
}

static void need(int error, const char *what)
{
    if (error != 0) {
        fprintf(stderr, "scale_server: %s: %s\n", what, strerror(error));
        exit(1);
    }
}

int main(int argc, char **argv)
{
    const char *given = getenv("LISTEN_FDS");
    int fds = given != NULL ? atoi(given) : 0;
    int proxy = argc == 2 && strcmp(argv[1], "--proxy") == 0;
    struct mrpc_conn_set *set;
    sigset_t signals;
    int signal, error;

    if (fds < 1 || argc > 1 + proxy) {
        fprintf(stderr, "Usage: scale_server [--proxy], with LISTEN_FDS sockets from 3 on\n");
        return 2;
    }
    /* Before there are threads, which inherit it: the signal is for sigwait. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    need(pthread_sigmask(SIG_BLOCK, &signals, NULL), "pthread_sigmask");

    need(mrpc_conn_set_create(&set, scale_server, NULL), "set");
    need(mrpc_set_accept_func(set, on_accept), "accept function");
    need(mrpc_set_proxy_protocol(set, proxy), "PROXY protocol");
    need(mrpc_set_latency_enabled(set, 1), "latency");
    need(mrpc_start_dispatch_thread(set), "dispatch thread");
    need(mrpc_start_dispatch_thread(set), "dispatch thread");
    need(mrpc_listen_fd(set, FIRST_FD), "listening socket");
    if (fds > 1)
        need(metrics_start(set, FIRST_FD + 1), "metrics");

    do {
        need(sigwait(&signals, &signal), "sigwait");
    } while (signal != SIGTERM);
    /* The parent and the next generation have the socket, too: who connects from now on waits
       in its backlog, and is theirs. */
    error = mrpc_drain(set, DRAIN_MS);
    if (error != 0)
        fprintf(stderr, "scale_server: %s\n", strerror(error));
    return error != 0;
}
