/* What the client knows and counts while it copies.  The copying thread and the
   dispatcher threads share it, under its lock. */

#ifndef TREECOPY_SESSION_H
#define TREECOPY_SESSION_H

#include <pthread.h>
#include <stdint.h>

#include "treecopy_client.h"

#define SESSION_MAX_CHANGES 4096        /* more, and everything is copied anew */

struct session {
    struct mrpc_connection *conn;
    unsigned window;                    /* async calls that may be on their way */
    unsigned chunk;                     /* bytes per read */
    int show_progress;

    pthread_mutex_t lock;               /* guards all below */
    pthread_cond_t event;               /* any of it changed */
    unsigned in_flight;
    int interrupted;                    /* by a signal */
    int finished;                       /* so a signal no longer interrupts */
    int disconnected;                   /* the last event has been handled */
    int failing;                        /* calls have begun to fail; said so */

    unsigned files, folders, links, skipped, failures;
    uint64_t bytes, calls;
    struct timespec started, shown;

    char *changes[SESSION_MAX_CHANGES]; /* paths to be copied again */
    unsigned change_count;
    int lost_track;
};

void session_init(struct session *s);
void session_destroy(struct session *s);

/* Whether there is no point in going on. */
int session_over(struct session *s);

/* The window.  A slot is taken for each async call and given back when its
   callback is done with it; session_drain() waits until none is taken. */
void session_take_slot(struct session *s);
void session_give_slot(struct session *s);
void session_drain(struct session *s);

/* Each ends in a look at whether the progress line is due. */
void session_count_call(struct session *s, unsigned bytes);
void session_count_file(struct session *s);

/* Something could not be copied: says so on stderr.  For MINIRPC_NETWORK_FAILURE,
   which all calls get once the connection is gone, it says so once. */
void session_failed(struct session *s, const char *path, const char *why);
void session_call_failed(struct session *s, const char *path, mrpc_status_t status);

/* Paths that changed, or may have. */
void session_changed(struct session *s, const char *path);
void session_lost_track(struct session *s);
int session_has_changes(struct session *s);

/* Takes the changes out, up to SESSION_MAX_CHANGES, for the caller to free; *all
   says that track was lost.  With wait, only returns without any when the
   session is over. */
unsigned session_take_changes(struct session *s, char **paths, int *all, int wait);

double session_seconds(const struct session *s);
void session_clear_line(const struct session *s);

#endif
