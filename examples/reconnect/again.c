#include "again.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>

/* The pause before the n-th attempt is random, from 0 to FIRST_MS << n, MOST_MS at the most.
   Random over all of that: the thousand clients of a server that has died would otherwise come
   back at the same moment, each time. */
#define FIRST_MS 20
#define MOST_MS 2000

/* One attempt, so that a server that is stuck costs no more than this of the deadline. */
#define ATTEMPT_MS 3000

struct again {
    struct mrpc_conn_set *set;
    struct mrpc_connection *conn;       /* NULL: none at this time */
    char *host, *service;
    unsigned connections;
    unsigned attempts;                  /* that have failed since one succeeded */
    unsigned failures;                  /* and over all */
    int undone;
    uint64_t random;
};

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* xorshift64: it need not be hard to guess. */
static uint64_t next_random(struct again *again)
{
    again->random ^= again->random << 13;
    again->random ^= again->random >> 7;
    again->random ^= again->random << 17;
    return again->random;
}

int again_create(struct again **made, const struct mrpc_protocol *protocol, const char *host,
                 const char *service)
{
    struct again *again = calloc(1, sizeof *again);
    int ret;

    *made = NULL;
    if (again == NULL)
        return ENOMEM;
    again->host = strdup(host);
    again->service = strdup(service);
    while (again->random == 0) {
        if (getrandom(&again->random, sizeof again->random, 0) < 0 && errno != EINTR)
            again->random = (uint64_t) now_ms();
    }
    ret = again->host != NULL && again->service != NULL ? 0 : ENOMEM;
    if (ret == 0)
        ret = mrpc_conn_set_create(&again->set, protocol, NULL);
    /* Runs what the library has to tell, as the end of a connection. */
    if (ret == 0)
        ret = mrpc_start_dispatch_thread(again->set);
    if (ret != 0) {
        again_destroy(again);
        return ret;
    }
    *made = again;
    return 0;
}

static void disconnect(struct again *again)
{
    if (again->conn != NULL) {
        mrpc_conn_close(again->conn);
        mrpc_conn_unref(again->conn);
        again->conn = NULL;
    }
}

static int connect_in(struct again *again, unsigned ms)
{
    int ret = mrpc_set_connect_timeout(again->set, ms);

    if (ret == 0)
        ret = mrpc_conn_create(&again->conn, again->set, NULL);
    if (ret != 0)
        return ret;
    ret = mrpc_connect(again->conn, AF_UNSPEC, again->host, again->service);
    if (ret != 0) {
        mrpc_conn_unref(again->conn);
        again->conn = NULL;
        return ret;
    }
    again->connections++;
    return 0;
}

/* One attempt, which ends in time. */
static mrpc_status_t attempt(struct again *again, int64_t left, again_call_fn *call, void *data)
{
    struct mrpc_call_options options = MRPC_CALL_OPTIONS_INIT;
    mrpc_status_t status;

    options.timeout_ms = (unsigned) (left < ATTEMPT_MS ? left : ATTEMPT_MS);
    if (again->conn == NULL && connect_in(again, options.timeout_ms) != 0) {
        /* Nothing has been sent. */
        again->undone = 1;
        return MINIRPC_NETWORK_FAILURE;
    }
    status = call(again->conn, &options, data);
    switch (status) {
    case MINIRPC_PROCEDURE_UNAVAIL:
        /* A server that drains says so of what it does not do any more; the next one,
           on another connection, may. */
        again->undone = 1;
        disconnect(again);
        break;
    case MINIRPC_BUSY:
        /* It was not sent; the connection is well. */
        again->undone = 1;
        break;
    case MINIRPC_NETWORK_FAILURE:
    case MINIRPC_TIMEDOUT:
        /* Sent or not, done or not: who knows. */
        again->undone = 0;
        disconnect(again);
        break;
    default:
        /* An answer. */
        again->undone = 0;
        again->attempts = 0;
    }
    return status;
}

static int is_answer(mrpc_status_t status)
{
    return status != MINIRPC_PROCEDURE_UNAVAIL && status != MINIRPC_BUSY &&
           status != MINIRPC_NETWORK_FAILURE && status != MINIRPC_TIMEDOUT;
}

mrpc_status_t again_call(struct again *again, enum again_what what, unsigned deadline_ms,
                         again_call_fn *call, void *data)
{
    int64_t deadline = now_ms() + deadline_ms;
    mrpc_status_t status;

    for (;;) {
        int64_t left = deadline - now_ms();
        unsigned most, pause;
        struct timespec sleep;

        status = attempt(again, left > 0 ? left : 1, call, data);
        if (is_answer(status))
            return status;
        again->failures++;
        if (what == AGAIN_UNDONE && !again->undone)
            return status;
        most = again->attempts < 8 ? FIRST_MS << again->attempts : MOST_MS;
        again->attempts++;
        pause = (unsigned) (next_random(again) % ((most < MOST_MS ? most : MOST_MS) + 1));
        /* No pause goes past the deadline: what would come after it is no use to anybody. */
        if (now_ms() + pause >= deadline)
            return status;
        sleep.tv_sec = pause / 1000;
        sleep.tv_nsec = pause % 1000 * 1000000L;
        nanosleep(&sleep, NULL);
    }
}

int again_was_undone(const struct again *again)
{
    return again->undone;
}

unsigned again_connections(const struct again *again)
{
    return again->connections;
}

unsigned again_failures(const struct again *again)
{
    return again->failures;
}

void again_destroy(struct again *again)
{
    disconnect(again);
    if (again->set != NULL)
        mrpc_conn_set_unref(again->set);
    free(again->host);
    free(again->service);
    free(again);
}
