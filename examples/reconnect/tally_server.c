/* Keeps a tally in a file, one record for each addition, so that it is there again after
   any end. Usage: tally_server PORT FILE; port 0 is a free one. */

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tally_server.h"

#define MOST_CLIENTS 1000

/* As in the file. Client 0 is that of plain additions. */
struct record {
    uint64_t client, serial, more;
};

/* The library's one dispatch thread uses all of this. */
static int file;
static totals sums;
static struct { uint64_t client, last; } clients[MOST_CLIENTS];
static unsigned known;

static uint64_t *last_of(uint64_t client)
{
    unsigned i;

    for (i = 0; i < known; i++) {
        if (clients[i].client == client)
            return &clients[i].last;
    }
    if (known == MOST_CLIENTS)
        return NULL;
    clients[known].client = client;
    return &clients[known++].last;
}

static int take_in(const struct record *record)
{
    uint64_t *last;

    if (record->client == 0) {
        sums.plain += record->more;
        return 0;
    }
    last = last_of(record->client);
    if (last == NULL)
        return ENOSPC;
    *last = record->serial;
    sums.once += record->more;
    return 0;
}

/* First the file, then the sums, then the answer: what was answered is there after a crash. (Of
   this program: for one of the machine, it would take fdatasync.) */
static mrpc_status_t note(const struct record *record)
{
    if (write(file, record, sizeof *record) != (ssize_t) sizeof *record)
        return EIO;
    return take_in(record);
}

static mrpc_status_t read_totals(void *conn_data, struct mrpc_message *msg, totals *out)
{
    (void) conn_data;
    (void) msg;
    *out = sums;
    return MINIRPC_OK;
}

static mrpc_status_t add(void *conn_data, struct mrpc_message *msg, amount *in)
{
    struct record record = { 0, 0, *in };

    (void) conn_data;
    (void) msg;
    return note(&record);
}

static mrpc_status_t add_once(void *conn_data, struct mrpc_message *msg, addition *in)
{
    struct record record = { in->client, in->serial, in->more };
    uint64_t *last = in->client != 0 ? last_of(in->client) : NULL;

    (void) conn_data;
    (void) msg;
    if (last == NULL)
        return EINVAL;
    /* Done already: it is sent again because its answer did not arrive. */
    if (in->serial <= *last)
        return MINIRPC_OK;
    return note(&record);
}

static const struct tally_server_operations operations = {
    .read = read_totals, .add = add, .add_once = add_once
};

static void *on_accept(void *set_data, struct mrpc_connection *conn, struct sockaddr *from,
                       socklen_t len)
{
    (void) set_data;
    (void) from;
    (void) len;
    tally_server_set_operations(conn, &operations);
    mrpc_conn_unref(conn);
    return NULL;
}

static void fail(const char *what, int error)
{
    fprintf(stderr, "tally_server: %s: %s\n", what, strerror(error));
    exit(1);
}

static void need(int ret, const char *what)
{
    if (ret != 0)
        fail(what, ret);
}

static void open_file(const char *name)
{
    struct record record;
    off_t whole = 0;

    file = open(name, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file < 0)
        fail(name, errno);
    while (read(file, &record, sizeof record) == (ssize_t) sizeof record) {
        need(take_in(&record), name);
        whole += (off_t) sizeof record;
    }
    /* A record that is not whole was not answered. */
    if (ftruncate(file, whole) != 0)
        fail(name, errno);
}

int main(int argc, char **argv)
{
    struct mrpc_conn_set *set;
    char *port;

    if (argc != 3) {
        fprintf(stderr, "Usage: tally_server PORT FILE\n");
        return 2;
    }
    open_file(argv[2]);
    port = strcmp(argv[1], "0") != 0 ? argv[1] : NULL;
    need(mrpc_conn_set_create(&set, tally_server, NULL), "set");
    need(mrpc_set_accept_func(set, on_accept), "accept");
    need(mrpc_listen(set, AF_INET, "127.0.0.1", &port), "listen");
    printf("open on port %s\n", port);
    fflush(stdout);
    mrpc_dispatcher_add(set);
    need(mrpc_dispatch_loop(set), "dispatch");
    return 0;
}
