/* treecopy_server: offers a directory tree.  See usage() below.

   Calls are served by dispatcher threads.  The main thread waits for signals
   and for changes of the tree, which it pushes to the clients. */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "clients.h"
#include "common.h"
#include "offer.h"
#include "use_tls.h"
#include "watch.h"

#define MAX_THREADS 64

struct options {
    const char *address;
    char *port;                 /* NULL: any free one */
    unsigned threads;
    const char *tls;            /* the directory of certificates; NULL: plain */
};

static int root = -1;           /* the offered directory */
static char label[TC_NAME_MAX + 1];

/* --- What clients may call.  conn_data is the struct client of accept. --- */

static mrpc_status_t hello(void *conn_data, struct mrpc_message *msg, tc_hello *in, tc_hello *out)
{
    (void) msg;
    client_made_call(conn_data);
    if (in->version != TC_VERSION)
        return MINIRPC_PROCEDURE_UNAVAIL;
    out->version = TC_VERSION;
    out->label = strdup(label);
    return out->label != NULL ? MINIRPC_OK : TC_OVERLOADED;
}

static mrpc_status_t list(void *conn_data, struct mrpc_message *msg, tc_list_in *in,
                          tc_list_out *out)
{
    (void) msg;
    client_made_call(conn_data);
    return offer_list(root, in, out);
}

static mrpc_status_t get_attr(void *conn_data, struct mrpc_message *msg, tc_path *in, tc_attr *out)
{
    (void) msg;
    client_made_call(conn_data);
    return offer_attr(root, *in, out);
}

static mrpc_status_t get_target(void *conn_data, struct mrpc_message *msg, tc_path *in,
                                tc_path *out)
{
    (void) msg;
    client_made_call(conn_data);
    return offer_target(root, *in, out);
}

static mrpc_status_t get_chunk(void *conn_data, struct mrpc_message *msg, tc_read_in *in,
                               tc_read_out *out)
{
    mrpc_status_t status;

    (void) msg;
    client_made_call(conn_data);
    status = offer_chunk(root, in, out);
    if (status == MINIRPC_OK)
        client_served_bytes(conn_data, out->data.data_len);
    return status;
}

static mrpc_status_t get_digest(void *conn_data, struct mrpc_message *msg, tc_path *in,
                                tc_digest *out)
{
    (void) msg;
    client_made_call(conn_data);
    /* A big file takes a while: let this client's next calls go ahead. */
    mrpc_release_event();
    return offer_digest(root, *in, out);
}

static mrpc_status_t watch(void *conn_data, struct mrpc_message *msg)
{
    (void) msg;
    client_made_call(conn_data);
    client_wants_changes(conn_data);
    return MINIRPC_OK;
}

static void finished(void *conn_data, struct mrpc_message *msg, tc_progress *in)
{
    (void) msg;
    client_finished(conn_data, in);
}

static const struct treecopy_server_operations operations = {
    .hello = hello,
    .list = list,
    .get_attr = get_attr,
    .get_target = get_target,
    .get_chunk = get_chunk,
    .get_digest = get_digest,
    .watch = watch,
    .finished = finished
};

static void *accepted(void *set_data, struct mrpc_connection *conn, struct sockaddr *from,
                      socklen_t from_len)
{
    struct client *client;

    (void) set_data;
    client = client_add(conn, from, from_len);
    if (client == NULL) {       /* too many, or no memory */
        mrpc_conn_close(conn);
        mrpc_conn_unref(conn);
        return NULL;
    }
    treecopy_server_set_operations(conn, &operations);
    return client;
}

static void disconnected(void *conn_data, enum mrpc_disc_reason reason)
{
    if (conn_data != NULL)      /* accepted() turns some away with NULL */
        client_remove(conn_data, reason);
}

static void connection_trouble(void *conn_data, char *message)
{
    fprintf(stderr, "treecopy_server: %s: %s\n",
            conn_data != NULL ? client_name(conn_data) : "a client", message);
}

/* --- The program --- */

static void push_change(void *arg, tc_change_kind kind, const char *path)
{
    (void) arg;
    clients_push_change(kind, path);
}

static void wait_for_signal(int signals, struct tree_watch *tree)
{
    struct pollfd fds[2];

    fds[0].fd = signals;
    fds[0].events = POLLIN;
    fds[1].fd = tree != NULL ? tree_watch_fd(tree) : -1;
    fds[1].events = POLLIN;
    for (;;) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return;
        if (fds[0].revents != 0)
            return;
        if (fds[1].revents != 0)
            tree_watch_read(tree, push_change, NULL);
    }
}

static int listen_at(struct mrpc_conn_set *set, const struct options *options)
{
    char *port = options->port;
    int family = strchr(options->address, ':') != NULL ? AF_INET6 : AF_INET;
    int err = mrpc_listen(set, family, options->address, &port);

    if (err != 0) {
        fprintf(stderr, "treecopy_server: cannot listen on %s port %s: %s\n", options->address,
                port != NULL ? port : "(any)", strerror(err));
        return err;
    }
    printf("offering \"%s\" on %s port %s\n", label, options->address, port);
    if (options->port == NULL)
        free(port);
    return 0;
}

static int serve(const struct options *options, int signals)
{
    pthread_t threads[MAX_THREADS];
    struct mrpc_conn_set *set;
    struct tree_watch *tree;
    unsigned started, i;
    int err = mrpc_conn_set_create(&set, treecopy_server, NULL);

    if (err != 0) {
        fprintf(stderr, "treecopy_server: cannot start: %s\n", strerror(err));
        return 1;
    }
    if (options->tls != NULL && use_tls(set, options->tls, "server") != 0) {
        mrpc_conn_set_unref(set);
        return 1;
    }
    mrpc_set_accept_func(set, accepted);
    mrpc_set_disconnect_func(set, disconnected);
    mrpc_set_ioerr_func(set, connection_trouble);
    mrpc_set_max_buf_len(set, TC_MESSAGE_MAX);
    mrpc_set_keepalive_parameters(set, 60, 3, 20);

    tree = tree_watch_start(root);
    if (tree == NULL)
        fprintf(stderr, "treecopy_server: changes will not be seen: %s\n", strerror(errno));
    started = tc_start_dispatchers(set, threads, options->threads);
    err = started > 0 ? listen_at(set, options) : EAGAIN;
    if (err == 0) {
        wait_for_signal(signals, tree);
        mrpc_listen_close(set);
        printf("stopping\n");
    }
    clients_close_all();        /* and wait until each has got its disconnect */
    mrpc_conn_set_unref(set);
    for (i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    tree_watch_stop(tree);
    return err == 0 ? 0 : 1;
}

static void usage(FILE *to)
{
    fputs("Usage: treecopy_server [OPTION]... DIRECTORY\n"
          "Offers DIRECTORY, read-only, to treecopy_client.  Nothing outside it can be\n"
          "reached, not even through symbolic links; inside it, everything that the server\n"
          "may read is offered to everybody who can connect.\n\n"
          "  -a, --address=ADDR   listen there (default 127.0.0.1: this machine only)\n"
          "  -p, --port=PORT      on that port (default: any free one, which is printed)\n"
          "  -s, --status=MS      ask busy clients that often how far they are (default 1000)\n"
          "  -t, --threads=N      serve with N threads, 1 to 64 (default 4)\n"
          "  -T, --tls=DIR        encrypted, to clients whose certificate DIR/ca.pem has signed;\n"
          "                       ours is DIR/server.pem, with DIR/server.key\n"
          "  -h, --help           show this and exit\n\n"
          "SIGINT or SIGTERM ends it.\n", to);
}

static int parse_options(int argc, char **argv, struct options *options)
{
    static const struct option longs[] = {
        { "address", required_argument, NULL, 'a' },
        { "port", required_argument, NULL, 'p' },
        { "status", required_argument, NULL, 's' },
        { "threads", required_argument, NULL, 't' },
        { "tls", required_argument, NULL, 'T' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 }
    };
    unsigned status_ms = 1000;
    int c;

    while ((c = getopt_long(argc, argv, "a:p:s:t:T:h", longs, NULL)) != -1) {
        switch (c) {
        case 'a':
            options->address = optarg;
            break;
        case 'p':
            options->port = optarg;
            break;
        case 's':
            if (!tc_parse_number(optarg, 1, 3600000, &status_ms))
                return 2;
            break;
        case 't':
            if (!tc_parse_number(optarg, 1, MAX_THREADS, &options->threads))
                return 2;
            break;
        case 'T':
            options->tls = optarg;
            break;
        case 'h':
            usage(stdout);
            exit(0);
        default:
            return 2;
        }
    }
    if (optind != argc - 1) {
        usage(stderr);
        return 2;
    }
    clients_set_status_interval(status_ms);
    return 0;
}

/* The last name of the directory's real path, for clients to show. */
static void make_label(const char *directory)
{
    char *real = realpath(directory, NULL);
    const char *slash = real != NULL ? strrchr(real, '/') : NULL;

    snprintf(label, sizeof label, "%s", slash != NULL && slash[1] != '\0' ? slash + 1 : directory);
    free(real);
}

int main(int argc, char **argv)
{
    struct options options = { .address = "127.0.0.1", .port = NULL, .threads = 4 };
    sigset_t stop;
    int signals, ret;

    ret = parse_options(argc, argv, &options);
    if (ret != 0)
        return ret;
    setvbuf(stdout, NULL, _IOLBF, 0);
    root = open(argv[optind], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) {
        fprintf(stderr, "treecopy_server: %s: %s\n", argv[optind], strerror(errno));
        return 1;
    }
    make_label(argv[optind]);

    sigemptyset(&stop);
    sigaddset(&stop, SIGINT);
    sigaddset(&stop, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &stop, NULL);
    signals = signalfd(-1, &stop, SFD_CLOEXEC);
    if (signals < 0) {
        fprintf(stderr, "treecopy_server: signalfd: %s\n", strerror(errno));
        return 1;
    }
    ret = serve(&options, signals);
    close(signals);
    close(root);
    return ret;
}
