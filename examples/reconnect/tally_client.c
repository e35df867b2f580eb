/* Adds to a tally until it is told to stop (SIGTERM), whatever becomes of the server, and
   then looks whether the tally is right. Usage: tally_client HOST PORT */

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "again.h"
#include "tally_client.h"

#define DEADLINE_MS 20000

static volatile sig_atomic_t told_to_stop;

static void stop(int signal)
{
    (void) signal;
    told_to_stop = 1;
}

static mrpc_status_t call_read(struct mrpc_connection *conn,
                               const struct mrpc_call_options *options, void *data)
{
    totals *reply;
    mrpc_status_t status = tally_read_with(conn, options, &reply);

    if (status == MINIRPC_OK) {
        *(totals *) data = *reply;
        free_totals(reply, 1);
    }
    return status;
}

static mrpc_status_t call_add(struct mrpc_connection *conn,
                              const struct mrpc_call_options *options, void *data)
{
    return tally_add_with(conn, options, data);
}

static mrpc_status_t call_add_once(struct mrpc_connection *conn,
                                   const struct mrpc_call_options *options, void *data)
{
    return tally_add_once_with(conn, options, data);
}

static void need(mrpc_status_t status, const char *what)
{
    if (status != MINIRPC_OK) {
        fprintf(stderr, "tally_client: %s: %s\n", what, mrpc_strerror(status));
        exit(1);
    }
}

int main(int argc, char **argv)
{
    struct sigaction action;
    struct again *again;
    addition once = { .client = (uint64_t) getpid(), .serial = 0, .more = 1 };
    amount one = 1, plain = 0, unknown = 0;
    totals before, after;
    unsigned shown = 0;
    int ret;

    if (argc != 3) {
        fprintf(stderr, "Usage: tally_client HOST PORT\n");
        return 2;
    }
    memset(&action, 0, sizeof action);
    action.sa_handler = stop;
    sigaction(SIGTERM, &action, NULL);
    setvbuf(stdout, NULL, _IOLBF, 0);
    ret = again_create(&again, tally_client, argv[1], argv[2]);
    if (ret != 0) {
        fprintf(stderr, "tally_client: %s\n", strerror(ret));
        return 1;
    }

    need(again_call(again, AGAIN_ANY, DEADLINE_MS, call_read, &before), "read");
    while (!told_to_stop) {
        mrpc_status_t status;

        /* It has a number of its own, so it may be repeated. */
        once.serial++;
        need(again_call(again, AGAIN_ANY, DEADLINE_MS, call_add_once, &once), "add_once");
        /* This one may not: where nobody knows what became of it, nobody will. */
        status = again_call(again, AGAIN_UNDONE, DEADLINE_MS, call_add, &one);
        if (status == MINIRPC_OK)
            plain++;
        else if (!again_was_undone(again))
            unknown++;
        else
            need(status, "add");
        if (again_connections(again) != shown) {
            shown = again_connections(again);
            printf("connection %u\n", shown);
        }
    }
    need(again_call(again, AGAIN_ANY, DEADLINE_MS, call_read, &after), "read");
    again_destroy(again);

    printf("%" PRIu64 " numbered additions, of which the tally has %" PRIu64 "\n",
           (uint64_t) once.serial, (uint64_t) (after.once - before.once));
    printf("%" PRIu64 " plain ones and %" PRIu64 " of which nobody knows; the tally has %"
           PRIu64 "\n", (uint64_t) plain, (uint64_t) unknown,
           (uint64_t) (after.plain - before.plain));
    if (after.once - before.once != once.serial || after.plain - before.plain < plain ||
        after.plain - before.plain > plain + unknown) {
        printf("wrong\n");
        return 1;
    }
    return 0;
}
