/* treecopy_client: copies the tree that a treecopy_server offers.  See usage()
   below.

   The main thread walks the tree with synchronous calls and starts asynchronous
   ones for the files' contents; their callbacks run in two dispatcher threads. */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common.h"
#include "session.h"
#include "tree.h"
#include "use_tls.h"

#define DISPATCHERS 2

struct options {
    const char *host;
    const char *port;
    const char *target;
    unsigned window;
    unsigned chunk;
    int follow;
    int quiet;
    const char *tls;            /* the directory of certificates; NULL: plain */
};

/* --- What the server may call.  conn_data is the session. --- */

static mrpc_status_t progress(void *conn_data, struct mrpc_message *msg, tc_progress *out)
{
    struct session *s = conn_data;

    (void) msg;
    pthread_mutex_lock(&s->lock);
    out->files = s->files;
    out->bytes = s->bytes;
    pthread_mutex_unlock(&s->lock);
    return MINIRPC_OK;
}

static void changed(void *conn_data, struct mrpc_message *msg, tc_change *in)
{
    (void) msg;
    if (in->kind == TC_LOST_TRACK)
        session_lost_track(conn_data);
    else
        session_changed(conn_data, in->path);
}

static const struct treecopy_client_operations operations = {
    .progress = progress, .changed = changed
};

static void disconnected(void *conn_data, enum mrpc_disc_reason reason)
{
    struct session *s = conn_data;

    pthread_mutex_lock(&s->lock);
    s->disconnected = 1;
    if (reason != MRPC_DISC_USER && !s->failing) {
        session_clear_line(s);
        fprintf(stderr, "treecopy_client: %s\n", reason == MRPC_DISC_CLOSED
                ? "the server has closed the connection" : "the connection has failed");
    }
    pthread_cond_broadcast(&s->event);
    pthread_mutex_unlock(&s->lock);
}

static void connection_trouble(void *conn_data, char *message)
{
    session_clear_line(conn_data);
    fprintf(stderr, "treecopy_client: %s\n", message);
}

/* --- The program --- */

static void mask_signals(int how)
{
    sigset_t stop;

    sigemptyset(&stop);
    sigaddset(&stop, SIGINT);
    sigaddset(&stop, SIGTERM);
    pthread_sigmask(how, &stop, NULL);
}

/* Closing the connection fails all calls, and with them everything winds up. */
static void *wait_for_signal(void *arg)
{
    struct session *s = arg;
    sigset_t stop;
    int sig, finished;

    sigemptyset(&stop);
    sigaddset(&stop, SIGINT);
    sigaddset(&stop, SIGTERM);
    sigwait(&stop, &sig);
    pthread_mutex_lock(&s->lock);
    finished = s->finished;
    s->interrupted = !finished;
    pthread_cond_broadcast(&s->event);
    pthread_mutex_unlock(&s->lock);
    if (!finished)
        mrpc_conn_close(s->conn);
    return NULL;
}

/* By a signal of our own, and not by cancelling it inside the library. */
static void end_signal_thread(struct session *s, pthread_t thread)
{
    pthread_mutex_lock(&s->lock);
    s->finished = 1;
    pthread_mutex_unlock(&s->lock);
    pthread_kill(thread, SIGTERM);
    pthread_join(thread, NULL);
}

static int say_hello(struct session *s, char *label)
{
    char nothing[] = "";
    tc_hello ours = { .version = TC_VERSION, .label = nothing };
    tc_hello *theirs;
    mrpc_status_t status = treecopy_hello(s->conn, &ours, &theirs);

    session_count_call(s, 0);
    if (status != MINIRPC_OK) {
        fprintf(stderr, "treecopy_client: the server does not take us: %s\n",
                status == MINIRPC_PROCEDURE_UNAVAIL ? "it speaks another version"
                : tc_strerror(status));
        return 0;
    }
    snprintf(label, TC_NAME_MAX + 1, "%s", theirs->label);
    free_tc_hello(theirs, 1);

    status = treecopy_client_set_operations(s->conn, &operations) == 0
        ? treecopy_watch(s->conn) : MINIRPC_INVALID_ARGUMENT;
    session_count_call(s, 0);
    if (status != MINIRPC_OK)
        fprintf(stderr, "treecopy_client: changes will go unseen: %s\n", tc_strerror(status));
    return 1;
}

static void print_counters(struct mrpc_connection *conn)
{
    uint64_t counter[MRPC_CONNCTR_NR] = { 0 };
    int i;

    for (i = 0; i < MRPC_CONNCTR_NR; i++)
        mrpc_conn_get_counter(conn, (enum mrpc_conn_counter) i, &counter[i]);
    printf("connection: sent %" PRIu64 " messages, %" PRIu64 " bytes; "
           "received %" PRIu64 " messages, %" PRIu64 " bytes\n",
           counter[MRPC_CONNCTR_SEND_MSGS], counter[MRPC_CONNCTR_SEND_BYTES],
           counter[MRPC_CONNCTR_RECV_MSGS], counter[MRPC_CONNCTR_RECV_BYTES]);
}

static void print_summary(struct session *s, double seconds)
{
    session_clear_line(s);
    printf("copied %u files, %u folders and %u links: %" PRIu64 " bytes in %.2f s\n", s->files,
           s->folders, s->links, s->bytes, seconds);
    if (s->skipped > 0 || s->failures > 0)
        printf("skipped %u, failed %u\n", s->skipped, s->failures);
    else
        printf("every file has the server's SHA-256\n");
    printf("%" PRIu64 " calls, %.0f per second; %.1f MB per second\n", s->calls,
           (double) s->calls / seconds, (double) s->bytes / 1e6 / seconds);
    print_counters(s->conn);
}

static void copy(struct session *s, const struct options *options, int target)
{
    char label[TC_NAME_MAX + 1];
    tc_progress result;

    if (!say_hello(s, label)) {
        s->failures++;
        return;
    }
    if (!options->quiet)
        printf("copying \"%s\" to %s\n", label, options->target);
    tree_copy(s, target);
    result.files = s->files;
    result.bytes = s->bytes;
    if (!session_over(s))
        treecopy_finished(s->conn, &result);
    if (!options->quiet)
        print_summary(s, session_seconds(s));
    if (options->follow && !session_over(s)) {
        s->show_progress = 0;
        printf("following changes; SIGINT or SIGTERM ends it\n");
        tree_follow(s, target);
    }
}

/* Closes the connection and waits for its last event. */
static void disconnect(struct session *s)
{
    mrpc_conn_close(s->conn);
    pthread_mutex_lock(&s->lock);
    while (!s->disconnected)
        pthread_cond_wait(&s->event, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

static void connect_and_copy(struct session *s, const struct options *options, int target)
{
    pthread_t signal_thread;
    int err = mrpc_connect(s->conn, AF_UNSPEC, options->host, options->port);

    if (err == EPROTO) {
        char why[256];

        mrpc_conn_get_error(s->conn, why, sizeof why);
        fprintf(stderr, "treecopy_client: no connection: %s\n", why);
        s->failures++;
        return;
    }
    if (err != 0) {
        fprintf(stderr, "treecopy_client: no connection to %s port %s: %s\n", options->host,
                options->port, err == ENOENT ? "No such host or service" : strerror(err));
        s->failures++;
        return;
    }
    mask_signals(SIG_BLOCK);
    err = pthread_create(&signal_thread, NULL, wait_for_signal, s);
    if (err == 0) {
        copy(s, options, target);
        end_signal_thread(s, signal_thread);
    } else {
        fprintf(stderr, "treecopy_client: no thread for signals: %s\n", strerror(err));
        s->failures++;
    }
    disconnect(s);
}

static int run(const struct options *options, int target)
{
    pthread_t threads[DISPATCHERS];
    struct mrpc_conn_set *set;
    struct session s;
    unsigned started, i;
    int err = mrpc_conn_set_create(&set, treecopy_client, NULL);

    if (err != 0) {
        fprintf(stderr, "treecopy_client: cannot start: %s\n", strerror(err));
        return 1;
    }
    if (options->tls != NULL && use_tls(set, options->tls, "client") != 0) {
        mrpc_conn_set_unref(set);
        return 1;
    }
    session_init(&s);
    s.window = options->window;
    s.chunk = options->chunk;
    s.show_progress = !options->quiet && isatty(STDERR_FILENO);
    mrpc_set_disconnect_func(set, disconnected);
    mrpc_set_ioerr_func(set, connection_trouble);
    mrpc_set_max_buf_len(set, TC_MESSAGE_MAX);
    mrpc_set_keepalive_parameters(set, 30, 3, 10);
    /* The signals are for the thread that waits for them, and until it does, for this one. */
    mask_signals(SIG_BLOCK);
    started = tc_start_dispatchers(set, threads, DISPATCHERS);
    mask_signals(SIG_UNBLOCK);
    err = started > 0 ? mrpc_conn_create(&s.conn, set, &s) : EAGAIN;
    if (err == 0) {
        connect_and_copy(&s, options, target);
        mrpc_conn_unref(s.conn);
    } else {
        fprintf(stderr, "treecopy_client: cannot start: %s\n", strerror(err));
        s.failures++;
    }
    mrpc_conn_set_unref(set);
    for (i = 0; i < started; i++)
        pthread_join(threads[i], NULL);

    err = s.failures > 0 || s.failing || (s.interrupted && !options->follow);
    session_destroy(&s);
    return err;
}

static void usage(FILE *to)
{
    fputs("Usage: treecopy_client [OPTION]... HOST PORT TARGET\n"
          "Copies the tree that the treecopy_server at HOST and PORT offers into the\n"
          "directory TARGET, which is made if it is not there.  Files, directories and\n"
          "symbolic links are copied, with permissions (but no set-user-ID or set-group-ID)\n"
          "and, except for links, times.  Each file takes its name when its SHA-256 is the\n"
          "server's; one that is there is then replaced.  Nothing in TARGET is deleted.\n\n"
          "  -c, --chunk=BYTES    read that much at once (default 65536, at most 131072)\n"
          "  -w, --window=N       have up to N calls on their way (default 32, at most 1024)\n"
          "  -f, --follow         then go on, copying what changes\n"
          "  -q, --quiet          report errors only\n"
          "  -T, --tls=DIR        encrypted, from a server whose certificate DIR/ca.pem has signed;\n"
          "                       ours is DIR/client.pem, with DIR/client.key\n"
          "  -h, --help           show this and exit\n\n"
          "The exit status is 0 if everything was copied, 1 if not, 2 for wrong usage.\n", to);
}

static int parse_options(int argc, char **argv, struct options *options)
{
    static const struct option longs[] = {
        { "chunk", required_argument, NULL, 'c' },
        { "window", required_argument, NULL, 'w' },
        { "follow", no_argument, NULL, 'f' },
        { "quiet", no_argument, NULL, 'q' },
        { "tls", required_argument, NULL, 'T' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 }
    };
    int c;

    while ((c = getopt_long(argc, argv, "c:w:fqT:h", longs, NULL)) != -1) {
        switch (c) {
        case 'c':
            if (!tc_parse_number(optarg, 1, TC_CHUNK_MAX, &options->chunk))
                return 2;
            break;
        case 'w':
            if (!tc_parse_number(optarg, 1, 1024, &options->window))
                return 2;
            break;
        case 'f':
            options->follow = 1;
            break;
        case 'q':
            options->quiet = 1;
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
    if (optind != argc - 3) {
        usage(stderr);
        return 2;
    }
    options->host = argv[optind];
    options->port = argv[optind + 1];
    options->target = argv[optind + 2];
    return 0;
}

int main(int argc, char **argv)
{
    struct options options = { .window = 32, .chunk = 65536 };
    int target = -1;
    int ret = parse_options(argc, argv, &options);

    if (ret != 0)
        return ret;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (mkdir(options.target, 0777) == 0 || errno == EEXIST)
        target = open(options.target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (target < 0) {
        fprintf(stderr, "treecopy_client: %s: %s\n", options.target, strerror(errno));
        return 1;
    }
    ret = run(&options, target);
    close(target);
    return ret;
}
