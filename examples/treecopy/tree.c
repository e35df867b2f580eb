#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common.h"
#include "transfer.h"

/* A file that changes faster than it can be copied is given up after so many. */
#define MAX_ROUNDS 4

static void copy_folder(struct session *s, struct folder *folder, const char *path);

/* The folder behind fd, which this takes over, as attr says.  Until all is in
   it, it is ours to write to. */
static struct folder *open_folder(struct session *s, int fd, const char *path,
                                  const tc_attr *attr)
{
    struct folder *folder;

    if (fchmod(fd, 0700) != 0) {
        session_failed(s, path, strerror(errno));
        close(fd);
        return NULL;
    }
    folder = folder_new(fd, attr);
    if (folder == NULL)
        session_failed(s, path, strerror(ENOMEM));
    return folder;
}

static void copy_subfolder(struct session *s, struct folder *parent, const char *path,
                           const char *name, const tc_attr *attr)
{
    struct folder *folder;
    int fd = -1;

    if (mkdirat(parent->fd, name, 0700) == 0 || errno == EEXIST)
        fd = openat(parent->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        session_failed(s, path, errno == ENOTDIR || errno == ELOOP
                       ? "Something that is no directory is in its place" : strerror(errno));
        return;
    }
    folder = open_folder(s, fd, path, attr);
    if (folder == NULL)
        return;
    s->folders++;
    copy_folder(s, folder, path);
    folder_unref(folder);
}

static void copy_link(struct session *s, struct folder *parent, const char *path,
                      const char *name)
{
    char temp[TEMP_NAME_LEN];
    char *request = (char *) path;      /* the stub reads it only */
    tc_path *target;
    mrpc_status_t status = treecopy_get_target(s->conn, &request, &target);

    session_count_call(s, 0);
    if (status != MINIRPC_OK) {
        session_call_failed(s, path, status);
        return;
    }
    temp_name(temp);
    if (symlinkat(*target, parent->fd, temp) != 0) {
        session_failed(s, path, strerror(errno));
    } else if (renameat(parent->fd, temp, parent->fd, name) != 0) {
        session_failed(s, path, strerror(errno));
        unlinkat(parent->fd, temp, 0);
    } else {
        s->links++;
    }
    free_tc_path(target, 1);
}

static void copy_entry(struct session *s, struct folder *parent, const char *path,
                       const char *name, const tc_attr *attr)
{
    switch (attr->kind) {
    case TC_FILE:
        transfer_file(s, parent, path, attr);
        break;
    case TC_DIR:
        copy_subfolder(s, parent, path, name, attr);
        break;
    case TC_LINK:
        copy_link(s, parent, path, name);
        break;
    case TC_OTHER:
        session_clear_line(s);
        fprintf(stderr, "treecopy_client: %s: skipped, neither file, directory nor link\n", path);
        s->skipped++;
        break;
    case TC_GONE:
        break;
    }
}

/* Copies a page's entries; *last becomes the last name.  0 if the server sends
   names that are none, or that do not ascend (and so might never end). */
static int copy_page(struct session *s, struct folder *folder, const char *path,
                     const tc_list_out *page, char last[TC_NAME_MAX + 1])
{
    u_int i;

    for (i = 0; i < page->entries.entries_len && !session_over(s); i++) {
        const tc_entry *entry = &page->entries.entries_val[i];
        char *below;

        if (!tc_name_ok(entry->name) || strcmp(entry->name, last) <= 0)
            return 0;
        strcpy(last, entry->name);
        below = tc_path_join(path, entry->name);
        if (below != NULL)
            copy_entry(s, folder, below, entry->name, &entry->attr);
        else
            session_failed(s, entry->name, strerror(errno));
        free(below);
    }
    return i > 0 || !page->more;
}

static void copy_folder(struct session *s, struct folder *folder, const char *path)
{
    char last[TC_NAME_MAX + 1] = "";
    tc_list_in in = { .dir = (char *) path, .after = last };
    int more = 1;

    while (more && !session_over(s)) {
        tc_list_out *page;
        mrpc_status_t status = treecopy_list(s->conn, &in, &page);

        session_count_call(s, 0);
        if (status != MINIRPC_OK) {
            session_call_failed(s, path, status);
            return;
        }
        more = page->more;
        if (!copy_page(s, folder, path, page, last)) {
            session_failed(s, path, "The server's listing makes no sense");
            more = 0;
        }
        free_tc_list_out(page, 1);
    }
}

/* 0 if there is nothing to be had, after saying so. */
static int get_attr(struct session *s, const char *path, tc_attr *attr)
{
    char *request = (char *) path;
    tc_attr *reply;
    mrpc_status_t status = treecopy_get_attr(s->conn, &request, &reply);

    session_count_call(s, 0);
    if (status == TC_NOT_FOUND) {
        printf("gone on the server, kept here: %s\n", path);
        return 0;
    }
    if (status != MINIRPC_OK) {
        session_call_failed(s, path, status);
        return 0;
    }
    *attr = *reply;
    free_tc_attr(reply, 1);
    return 1;
}

static void copy_all(struct session *s, int target)
{
    struct folder *folder;
    tc_attr attr;
    int fd;

    if (!get_attr(s, "", &attr))
        return;
    fd = openat(target, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        session_failed(s, "", strerror(errno));
        return;
    }
    folder = open_folder(s, fd, "", &attr);
    if (folder == NULL)
        return;
    copy_folder(s, folder, "");
    session_drain(s);
    folder_unref(folder);
}

/* Copies path again, or what of the way to it is missing here.  path is cut. */
static void copy_again(struct session *s, int target, char *path)
{
    struct folder *folder;
    tc_attr attr, parent_attr;
    const char *name;
    char *slash;
    int dir, err;

    while ((err = tc_open_parent(target, path, &dir, &name)) == ENOENT
           && (slash = strrchr(path, '/')) != NULL)
        *slash = '\0';
    if (err != 0) {
        session_failed(s, path, strerror(err));
        return;
    }
    slash = strrchr(path, '/');
    if (slash != NULL)
        *slash = '\0';
    if (!get_attr(s, slash != NULL ? path : "", &parent_attr)) {
        close(dir);
        return;
    }
    if (slash != NULL)
        *slash = '/';
    if (!get_attr(s, path, &attr)) {
        close(dir);
        return;
    }
    folder = open_folder(s, dir, path, &parent_attr);
    if (folder == NULL)
        return;
    copy_entry(s, folder, path, name, &attr);
    /* The next change may be in the same folder, whose mode must be free. */
    session_drain(s);
    folder_unref(folder);
}

/* One round of what has changed.  How many things that were. */
static unsigned copy_changes(struct session *s, int target, int wait, int verbose)
{
    static char *paths[SESSION_MAX_CHANGES];
    unsigned count, i;
    int all;

    count = session_take_changes(s, paths, &all, wait);
    for (i = 0; i < count; i++) {
        if (paths[i][0] == '\0')
            all = 1;
        else if (!all && !session_over(s)) {
            if (verbose)
                printf("changed: %s\n", paths[i]);
            copy_again(s, target, paths[i]);
        }
        free(paths[i]);
    }
    if (all && !session_over(s))
        copy_all(s, target);
    return count + (unsigned) all;
}

void tree_copy(struct session *s, int target)
{
    int round;

    copy_all(s, target);
    for (round = 0; round < MAX_ROUNDS && !session_over(s); round++)
        if (copy_changes(s, target, 0, 0) == 0)
            return;
    if (!session_over(s) && session_has_changes(s))
        session_failed(s, "", "Something keeps changing faster than it can be copied");
}

void tree_follow(struct session *s, int target)
{
    const struct timespec pause = { .tv_nsec = 100000000 };

    while (!session_over(s)) {
        copy_changes(s, target, 1, 1);
        nanosleep(&pause, NULL);        /* changes come in bunches */
    }
}
