#include "metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <minirpc/minirpc.h>

static struct {
    struct mrpc_conn_set *set;
    int listener;
} metrics;

static void one(FILE *out, const char *name, const char *type, const char *help, uint64_t value)
{
    fprintf(out, "# HELP minirpc_%s %s\n# TYPE minirpc_%s %s\nminirpc_%s %" PRIu64 "\n", name,
            help, name, type, name, value);
}

/* Of the library's buckets, four make a power of two of microseconds. */
static void times(FILE *out, const char *name, const char *help,
                  const struct mrpc_histogram *histogram)
{
    uint64_t sum = 0;
    int octave, i;

    fprintf(out, "# HELP minirpc_%s_seconds %s\n# TYPE minirpc_%s_seconds histogram\n", name, help,
            name);
    for (octave = 0; octave < 20; octave++) {
        for (i = 0; i < 4; i++)
            sum += histogram->bucket[4 * octave + i];
        fprintf(out, "minirpc_%s_seconds_bucket{le=\"%g\"} %" PRIu64 "\n", name,
                (double) (2u << octave) / 1e6, sum);
    }
    fprintf(out, "minirpc_%s_seconds_bucket{le=\"+Inf\"} %" PRIu64 "\nminirpc_%s_seconds_sum %.9f\n"
            "minirpc_%s_seconds_count %" PRIu64 "\n", name, histogram->count, name,
            (double) histogram->sum_ns / 1e9, name, histogram->count);
}

static void write_metrics(FILE *out)
{
    struct mrpc_set_stats stats;

    memset(&stats, 0, sizeof stats);
    stats.size = sizeof stats;
    if (mrpc_get_stats(metrics.set, &stats) != 0)
        return;
    one(out, "connections", "gauge", "Active connections.", stats.connections);
    one(out, "connections_accepted_total", "counter", "Connections that came to the listener.",
        stats.accepted);
    one(out, "connections_refused_total", "counter", "Connections that were not let in.",
        stats.connections_refused);
    one(out, "requests_total", "counter", "Requests that were received.", stats.requests_received);
    one(out, "requests_answered_total", "counter", "Requests that were replied to.",
        stats.requests_answered);
    one(out, "requests_refused_total", "counter",
        "Requests that no handler could be called for, as while it drains.",
        stats.requests_refused);
    one(out, "requests_waiting", "gauge", "Requests that wait for a dispatcher.",
        stats.requests_waiting);
    one(out, "received_bytes_total", "counter", "Bytes received.", stats.bytes_received);
    one(out, "sent_bytes_total", "counter", "Bytes sent.", stats.bytes_sent);
    times(out, "dispatch_wait", "From a request's arrival to its handler's call.",
          &stats.dispatch_wait);
    times(out, "handler", "From a handler's call to its return.", &stats.handler_time);
}

/* Whatever was asked for, as long as it was asked for by HTTP. */
static void answer(int fd)
{
    struct timeval patience = { 2, 0 };
    char request[4096] = "", *body = NULL;
    size_t have = 0, size = 0;
    ssize_t n;
    FILE *out;

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    while (strstr(request, "\r\n\r\n") == NULL && have < sizeof request - 1) {
        n = read(fd, request + have, sizeof request - 1 - have);
        if (n <= 0)
            return;
        have += (size_t) n;
        request[have] = '\0';
    }
    out = open_memstream(&body, &size);
    if (out == NULL)
        return;
    write_metrics(out);
    if (fclose(out) == 0) {
        dprintf(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n"
                "Content-Length: %zu\r\nConnection: close\r\n\r\n%s", size, body);
    }
    free(body);
}

static void *run(void *unused)
{
    (void) unused;
    for (;;) {
        int fd = accept(metrics.listener, NULL, NULL);

        if (fd >= 0) {
            answer(fd);
            close(fd);
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return NULL;
        }
    }
}

int metrics_start(struct mrpc_conn_set *set, int listener)
{
    pthread_t thread;
    int error;

    metrics.set = set;
    metrics.listener = listener;
    fcntl(listener, F_SETFD, FD_CLOEXEC);
    error = pthread_create(&thread, NULL, run, NULL);
    if (error == 0)
        pthread_detach(thread);
    return error;
}
