/* What a set's stats look like in a terminal. */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "screen.h"

enum { COLUMNS = 3, CONNECTIONS_SHOWN = 10 };

/* Counts only grow, and have a rate; the others are what there is now. */
#define COUNT(name) { #name, offsetof(struct mrpc_set_stats, name), 1 }
#define NOW(name) { #name, offsetof(struct mrpc_set_stats, name), 0 }

static const struct field {
    const char *name;
    size_t at;
    int is_count;
} fields[] = {
    NOW(connections), NOW(connections_max), COUNT(accepted),
    COUNT(connected), COUNT(bound), COUNT(connections_refused),
    COUNT(disconnected_user), COUNT(disconnected_closed), COUNT(disconnected_error),
    COUNT(calls_made), COUNT(calls_ok), COUNT(calls_status),
    COUNT(calls_failed), COUNT(calls_timed_out), COUNT(calls_cancelled),
    NOW(calls_outstanding), COUNT(requests_received), COUNT(requests_answered),
    COUNT(requests_refused), NOW(requests_waiting), NOW(requests_kept),
    COUNT(messages_sent), COUNT(messages_received), COUNT(messages_dropped),
    COUNT(bytes_sent), COUNT(bytes_received), NOW(bytes_unsent),
    NOW(bytes_undispatched), COUNT(late_replies), COUNT(reads_paused),
    COUNT(accepts_paused), COUNT(busy), COUNT(handshakes_failed)
};

enum { FIELDS = sizeof(fields) / sizeof(fields[0]) };

static uint64_t value(const struct mrpc_set_stats *stats, const struct field *field)
{
    uint64_t n;

    memcpy(&n, (const char *) stats + field->at, sizeof(n));
    return n;
}

/* Where a bucket of a histogram begins, in microseconds. */
static double bucket_begin(int bucket)
{
    return (double) (1ull << (bucket / 4)) * (4 + bucket % 4) / 4;
}

/* The time that so many of a hundred did not take longer than. */
static double percentile(const struct mrpc_histogram *h, double percent)
{
    double wanted = (double) h->count * percent / 100;
    uint64_t seen = 0;
    int i;

    for (i = 0; i < 107; i++) {
        seen += h->bucket[i];
        if (seen > 0 && (double) seen >= wanted)
            break;
    }
    return bucket_begin(i + 1);
}

static void show_histogram(const char *name, const struct mrpc_histogram *h)
{
    if (h->count == 0) {
        printf("%-14s none\n", name);
        return;
    }
    printf("%-14s %10llu  mean %8.1f us  p50 < %8.1f  p99 < %8.1f  max %8.1f\n", name,
           (unsigned long long) h->count, (double) h->sum_ns / (double) h->count / 1e3,
           percentile(h, 50), percentile(h, 99), (double) h->max_ns / 1e3);
}

static void show_connection(void *data, struct mrpc_connection *conn)
{
    struct mrpc_conn_stats stats;
    int *shown = data;

    stats.size = sizeof(stats);
    if ((*shown)++ >= CONNECTIONS_SHOWN || mrpc_conn_get_stats(conn, &stats) != 0)
        return;
    printf("%5llu %8llu %8llu %12llu %12llu %9llu %9llu %7llu %7llu %6llu %8llu %8llu %6llu\n",
           (unsigned long long) stats.id, (unsigned long long) stats.age_ms,
           (unsigned long long) stats.idle_ms, (unsigned long long) stats.bytes_sent,
           (unsigned long long) stats.bytes_received, (unsigned long long) stats.messages_sent,
           (unsigned long long) stats.messages_received,
           (unsigned long long) stats.calls_outstanding,
           (unsigned long long) stats.requests_waiting, (unsigned long long) stats.requests_kept,
           (unsigned long long) stats.bytes_unsent,
           (unsigned long long) stats.bytes_undispatched,
           (unsigned long long) stats.late_replies);
}

void screen_show(struct mrpc_conn_set *set, double seconds)
{
    static struct mrpc_set_stats last;
    struct mrpc_set_stats stats;
    int i, shown = 0;

    stats.size = sizeof(stats);
    if (mrpc_get_stats(set, &stats) != 0)
        return;
    if (isatty(STDOUT_FILENO))
        printf("\033[H\033[J");
    for (i = 0; i < FIELDS; i++) {
        uint64_t now = value(&stats, &fields[i]);

        printf("%-20s%12llu", fields[i].name, (unsigned long long) now);
        if (fields[i].is_count && seconds > 0)
            printf(" %9.0f/s", (double) (now - value(&last, &fields[i])) / seconds);
        else
            printf("%12s", "");
        fputs((i + 1) % COLUMNS == 0 || i + 1 == FIELDS ? "\n" : "  ", stdout);
    }
    printf("\n");
    show_histogram("call_time", &stats.call_time);
    show_histogram("dispatch_wait", &stats.dispatch_wait);
    show_histogram("handler_time", &stats.handler_time);
    printf("\n   id   age ms  idle ms   bytes sent     received  msgs out        in   calls"
           " waiting   kept   unsent undispat   late\n");
    mrpc_for_each_connection(set, show_connection, &shown);
    if (shown > CONNECTIONS_SHOWN)
        printf("and %d more\n", shown - CONNECTIONS_SHOWN);
    printf("\n");
    fflush(stdout);
    last = stats;
}
