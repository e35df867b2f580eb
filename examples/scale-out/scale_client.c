/* Calls through a proxy from several threads, and checks each answer. A call that fails is
   repeated on another connection (see ../reconnect/again.h): the work may be done twice.

   Usage: scale_client HOST PORT THREADS [FILE]
   It runs until it gets SIGTERM, and tells each second what went on; FILE gets a line for
   each tenth of a second: seconds, calls, attempts that failed, calls that failed. Exit status
   0: no answer was wrong, and no call failed after its repetition. */

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "again.h"
#include "scale_client.h"
#include "work.h"

#define DEADLINE_MS 10000
#define MOST_THREADS 64

static const char *host, *port;
static atomic_int told_to_stop;
static atomic_uint_fast64_t calls, retries, failed, wrong;

struct job {
    seed in;
    result out;
};

static mrpc_status_t call_work(struct mrpc_connection *conn,
                               const struct mrpc_call_options *options, void *data)
{
    struct job *job = data;
    result *reply;
    mrpc_status_t status = scale_work_with(conn, options, &job->in, &reply);

    if (status == MINIRPC_OK) {
        job->out = *reply;
        free_result(reply, 1);
    }
    return status;
}

static void *run(void *number)
{
    struct job job = { .in = (seed) (uintptr_t) number << 32 };
    struct again *again;
    unsigned seen = 0;

    if (again_create(&again, scale_client, host, port) != 0) {
        failed++;
        return NULL;
    }
    while (!told_to_stop) {
        mrpc_status_t status;

        job.in++;
        status = again_call(again, AGAIN_ANY, DEADLINE_MS, call_work, &job);
        retries += again_failures(again) - seen;
        seen = again_failures(again);
        if (status != MINIRPC_OK) {
            failed++;
            fprintf(stderr, "scale_client: %s\n", mrpc_strerror(status));
        } else if (job.out.value != work_value(job.in)) {
            wrong++;
        } else {
            calls++;
        }
    }
    again_destroy(again);
    return NULL;
}

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

/* Tells what went on until the signal comes. */
static void watch(const sigset_t *signals, FILE *file)
{
    struct timespec tenth = { 0, 100000000 };
    uint64_t last = 0, lastretries = 0, lastfailed = 0, shown = 0;
    double start = seconds(), second = start;

    while (sigtimedwait(signals, NULL, &tenth) < 0) {
        uint64_t now = calls, nowretries = retries, nowfailed = failed;
        double time = seconds();

        if (file != NULL) {
            fprintf(file, "%.2f %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", time - start, now - last,
                    nowretries - lastretries, nowfailed - lastfailed);
            fflush(file);
        }
        last = now;
        lastretries = nowretries;
        lastfailed = nowfailed;
        if (time - second >= 1) {
            printf("%5.1f s: %6.0f calls/s, %" PRIu64 " repeated, %" PRIu64 " failed, %" PRIu64
                   " wrong so far\n", time - start, (double) (now - shown) / (time - second),
                   nowretries, nowfailed, (uint64_t) wrong);
            shown = now;
            second = time;
        }
    }
}

int main(int argc, char **argv)
{
    int threads = argc >= 4 ? atoi(argv[3]) : 0, i;
    pthread_t thread[MOST_THREADS];
    FILE *file = NULL;
    sigset_t signals;

    if (threads < 1 || threads > MOST_THREADS || argc > 5) {
        fprintf(stderr, "Usage: scale_client HOST PORT THREADS [FILE]\n");
        return 2;
    }
    host = argv[1];
    port = argv[2];
    if (argc == 5 && (file = fopen(argv[4], "w")) == NULL) {
        perror(argv[4]);
        return 1;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    for (i = 0; i < threads; i++) {
        if (pthread_create(&thread[i], NULL, run, (void *) (uintptr_t) (i + 1)) != 0)
            return 1;
    }
    watch(&signals, file);
    told_to_stop = 1;
    for (i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
    if (file != NULL)
        fclose(file);
    printf("%" PRIu64 " calls, %" PRIu64 " attempts repeated, %" PRIu64 " calls failed, %" PRIu64
           " answers wrong\n", (uint64_t) calls, (uint64_t) retries, (uint64_t) failed,
           (uint64_t) wrong);
    return failed != 0 || wrong != 0 || calls == 0;
}
