#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common.h"

static double seconds_since(const struct timespec *then)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double) (now.tv_sec - then->tv_sec) + (double) (now.tv_nsec - then->tv_nsec) / 1e9;
}

double session_seconds(const struct session *s)
{
    return seconds_since(&s->started);
}

void session_init(struct session *s)
{
    memset(s, 0, sizeof *s);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->event, NULL);
    clock_gettime(CLOCK_MONOTONIC, &s->started);
    s->shown = s->started;
}

void session_destroy(struct session *s)
{
    while (s->change_count > 0)
        free(s->changes[--s->change_count]);
    pthread_cond_destroy(&s->event);
    pthread_mutex_destroy(&s->lock);
}

int session_over(struct session *s)
{
    int over;

    pthread_mutex_lock(&s->lock);
    over = s->interrupted || s->failing || s->disconnected;
    pthread_mutex_unlock(&s->lock);
    return over;
}

void session_take_slot(struct session *s)
{
    pthread_mutex_lock(&s->lock);
    while (s->in_flight >= s->window)
        pthread_cond_wait(&s->event, &s->lock);
    s->in_flight++;
    pthread_mutex_unlock(&s->lock);
}

void session_give_slot(struct session *s)
{
    pthread_mutex_lock(&s->lock);
    s->in_flight--;
    pthread_cond_broadcast(&s->event);
    pthread_mutex_unlock(&s->lock);
}

void session_drain(struct session *s)
{
    pthread_mutex_lock(&s->lock);
    while (s->in_flight > 0)
        pthread_cond_wait(&s->event, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

/* With the lock held. */
static void show_progress(struct session *s)
{
    double elapsed;

    if (!s->show_progress || seconds_since(&s->shown) < 0.1)
        return;
    clock_gettime(CLOCK_MONOTONIC, &s->shown);
    elapsed = session_seconds(s);
    fprintf(stderr, "\r%u files, %.1f MB, %.1f MB/s, %.0f calls/s\033[K", s->files,
            (double) s->bytes / 1e6, (double) s->bytes / 1e6 / elapsed,
            (double) s->calls / elapsed);
}

void session_clear_line(const struct session *s)
{
    if (s->show_progress)
        fputs("\r\033[K", stderr);
}

void session_count_call(struct session *s, unsigned bytes)
{
    pthread_mutex_lock(&s->lock);
    s->calls++;
    s->bytes += bytes;
    show_progress(s);
    pthread_mutex_unlock(&s->lock);
}

void session_count_file(struct session *s)
{
    pthread_mutex_lock(&s->lock);
    s->files++;
    show_progress(s);
    pthread_mutex_unlock(&s->lock);
}

void session_failed(struct session *s, const char *path, const char *why)
{
    pthread_mutex_lock(&s->lock);
    s->failures++;
    session_clear_line(s);
    fprintf(stderr, "treecopy_client: %s: %s\n", path[0] != '\0' ? path : ".", why);
    pthread_mutex_unlock(&s->lock);
}

void session_call_failed(struct session *s, const char *path, mrpc_status_t status)
{
    if (status != MINIRPC_NETWORK_FAILURE) {
        session_failed(s, path, tc_strerror(status));
        return;
    }
    pthread_mutex_lock(&s->lock);
    s->failures++;
    if (!s->failing && !s->interrupted) {
        session_clear_line(s);
        fputs("treecopy_client: the connection is lost; what is there so far is whole files\n",
              stderr);
    }
    s->failing = 1;
    pthread_mutex_unlock(&s->lock);
}

void session_changed(struct session *s, const char *path)
{
    unsigned i;

    pthread_mutex_lock(&s->lock);
    for (i = 0; i < s->change_count && strcmp(s->changes[i], path) != 0; i++)
        ;
    if (i == s->change_count) {
        char *copy = i < SESSION_MAX_CHANGES ? strdup(path) : NULL;

        if (copy != NULL)
            s->changes[s->change_count++] = copy;
        else
            s->lost_track = 1;
    }
    pthread_cond_broadcast(&s->event);
    pthread_mutex_unlock(&s->lock);
}

void session_lost_track(struct session *s)
{
    pthread_mutex_lock(&s->lock);
    s->lost_track = 1;
    pthread_cond_broadcast(&s->event);
    pthread_mutex_unlock(&s->lock);
}

int session_has_changes(struct session *s)
{
    int has;

    pthread_mutex_lock(&s->lock);
    has = s->change_count > 0 || s->lost_track;
    pthread_mutex_unlock(&s->lock);
    return has;
}

unsigned session_take_changes(struct session *s, char **paths, int *all, int wait)
{
    unsigned count;

    pthread_mutex_lock(&s->lock);
    while (wait && s->change_count == 0 && !s->lost_track && !s->interrupted && !s->disconnected)
        pthread_cond_wait(&s->event, &s->lock);
    count = s->change_count;
    memcpy(paths, s->changes, count * sizeof *paths);
    *all = s->lost_track;
    s->change_count = 0;
    s->lost_track = 0;
    pthread_mutex_unlock(&s->lock);
    return count;
}
