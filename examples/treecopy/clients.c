#include "clients.h"

#include <inttypes.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_CLIENTS 256

/* Nobody acknowledges a one-way message, so a client that is silent gets only
   so many; then it is told to look at everything. */
#define MAX_CHANGES_UNHEARD 4096

/* A client that asks but does not read would have its replies pile up here. */
#define MAX_BYTES_UNREAD (64u << 20)

struct client {
    struct client *next;
    struct mrpc_connection *conn;
    char name[NI_MAXHOST + NI_MAXSERV];
    int wants_changes;
    unsigned changes_unheard;
    uint64_t bytes_served;
    int asking;                 /* a progress call is on its way */
    uint64_t asked_at;          /* ms */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;    /* guards all below */
static pthread_cond_t removed = PTHREAD_COND_INITIALIZER;
static struct client *clients;
static unsigned count;
static int stopping;

static unsigned status_interval = 1000;                     /* ms; set once */

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t) now.tv_sec * 1000 + (uint64_t) now.tv_nsec / 1000000;
}

void clients_set_status_interval(unsigned ms)
{
    status_interval = ms;
}

struct client *client_add(struct mrpc_connection *conn, const struct sockaddr *from,
                          socklen_t from_len)
{
    struct client *client = calloc(1, sizeof *client);
    char host[NI_MAXHOST], port[NI_MAXSERV];

    if (client == NULL)
        return NULL;
    client->conn = conn;
    if (getnameinfo(from, from_len, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) == 0)
        snprintf(client->name, sizeof client->name, "%s:%s", host, port);
    else
        strcpy(client->name, "unknown address");

    pthread_mutex_lock(&lock);
    if (count == MAX_CLIENTS || stopping) {
        pthread_mutex_unlock(&lock);
        free(client);
        return NULL;
    }
    client->next = clients;
    clients = client;
    count++;
    pthread_mutex_unlock(&lock);
    printf("%s: connected\n", client->name);
    return client;
}

void client_remove(struct client *client, enum mrpc_disc_reason reason)
{
    static const char *const how[] = {
        [MRPC_DISC_USER] = "disconnected by this server",
        [MRPC_DISC_CLOSED] = "disconnected",
        [MRPC_DISC_IOERR] = "connection failed"
    };
    uint64_t sent = 0, calls = 0;
    struct client **link;

    mrpc_conn_get_counter(client->conn, MRPC_CONNCTR_SEND_BYTES, &sent);
    mrpc_conn_get_counter(client->conn, MRPC_CONNCTR_RECV_MSGS, &calls);
    printf("%s: %s; %" PRIu64 " messages in, %" PRIu64 " bytes out\n", client->name, how[reason],
           calls, sent);

    pthread_mutex_lock(&lock);
    for (link = &clients; *link != client; link = &(*link)->next)
        ;
    *link = client->next;
    count--;
    pthread_cond_signal(&removed);
    pthread_mutex_unlock(&lock);
    mrpc_conn_unref(client->conn);
    free(client);
}

const char *client_name(const struct client *client)
{
    return client->name;
}

void client_made_call(struct client *client)
{
    pthread_mutex_lock(&lock);
    client->changes_unheard = 0;
    pthread_mutex_unlock(&lock);
}

static void progress_answered(void *conn_private, void *msg_private, mrpc_status_t status,
                              tc_progress *reply)
{
    struct client *client = conn_private;

    (void) msg_private;
    pthread_mutex_lock(&lock);
    client->asking = 0;
    pthread_mutex_unlock(&lock);
    if (status == MINIRPC_OK)
        printf("%s: has %u files, %" PRIu64 " bytes so far\n", client->name, reply->files,
               (uint64_t) reply->bytes);
}

void client_served_bytes(struct client *client, unsigned bytes)
{
    uint64_t sent, served, now = now_ms();
    int ask;

    pthread_mutex_lock(&lock);
    client->bytes_served += bytes;
    served = client->bytes_served;
    ask = !client->asking && now - client->asked_at >= status_interval;
    if (ask) {
        client->asking = 1;
        client->asked_at = now;
    }
    pthread_mutex_unlock(&lock);

    /* Both calls below are good from inside a handler: neither waits. */
    if (ask && treecopy_progress_async(client->conn, progress_answered, NULL) != MINIRPC_OK)
        progress_answered(client, NULL, MINIRPC_NETWORK_FAILURE, NULL);
    if (mrpc_conn_get_counter(client->conn, MRPC_CONNCTR_SEND_BYTES, &sent) == 0
        && served > sent && served - sent > MAX_BYTES_UNREAD) {
        fprintf(stderr, "treecopy_server: %s asks but does not read; closing\n", client->name);
        mrpc_conn_close(client->conn);
    }
}

void client_wants_changes(struct client *client)
{
    pthread_mutex_lock(&lock);
    client->wants_changes = 1;
    pthread_mutex_unlock(&lock);
}

void client_finished(struct client *client, const tc_progress *progress)
{
    printf("%s: finished with %u files, %" PRIu64 " bytes\n", client->name, progress->files,
           (uint64_t) progress->bytes);
}

void clients_push_change(tc_change_kind kind, const char *path)
{
    char everything[] = "";
    char *copy = strdup(path);
    tc_change change = { .kind = kind, .path = copy };
    tc_change lost = { .kind = TC_LOST_TRACK, .path = everything };
    struct client *client;

    if (copy == NULL)
        change = lost;
    pthread_mutex_lock(&lock);
    for (client = clients; client != NULL; client = client->next) {
        if (!client->wants_changes || client->changes_unheard > MAX_CHANGES_UNHEARD)
            continue;
        client->changes_unheard++;
        /* Does not wait, and fails only when the client is going: no matter. */
        treecopy_changed(client->conn,
                         client->changes_unheard > MAX_CHANGES_UNHEARD ? &lost : &change);
    }
    pthread_mutex_unlock(&lock);
    free(copy);
}

void clients_close_all(void)
{
    struct client *client;

    pthread_mutex_lock(&lock);
    stopping = 1;
    for (client = clients; client != NULL; client = client->next)
        mrpc_conn_close(client->conn);
    while (clients != NULL)
        pthread_cond_wait(&removed, &lock);
    pthread_mutex_unlock(&lock);
}
