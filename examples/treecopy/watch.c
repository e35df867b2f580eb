#include "watch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common.h"

/* IN_CLOSE_WRITE rather than IN_MODIFY: report a file once it is written. */
#define EVENTS (IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE \
                | IN_ATTRIB | IN_ONLYDIR)

struct watched_dir {
    int wd;
    char *path;
};

struct tree_watch {
    int fd;
    int root;
    struct watched_dir *dirs;
    size_t count;
    size_t room;
};

static int remember(struct tree_watch *watch, int wd, const char *path)
{
    struct watched_dir *dirs = watch->dirs;
    char *copy;
    size_t i;

    copy = strdup(path);
    if (copy == NULL)
        return ENOMEM;
    for (i = 0; i < watch->count; i++) {
        if (dirs[i].wd == wd) { /* known under another name, before a move */
            free(dirs[i].path);
            dirs[i].path = copy;
            return 0;
        }
    }
    if (watch->count == watch->room) {
        size_t room = watch->room > 0 ? 2 * watch->room : 64;

        dirs = realloc(dirs, room * sizeof *dirs);
        if (dirs == NULL) {
            free(copy);
            return ENOMEM;
        }
        watch->dirs = dirs;
        watch->room = room;
    }
    dirs[watch->count].wd = wd;
    dirs[watch->count++].path = copy;
    return 0;
}

static void forget(struct tree_watch *watch, size_t i)
{
    free(watch->dirs[i].path);
    watch->dirs[i] = watch->dirs[--watch->count];
}

/* Watches the open directory fd and all below it.  Takes fd over. */
static void add_dir(struct tree_watch *watch, int fd, const char *path)
{
    char link[32];
    struct dirent *entry;
    DIR *dir;
    int wd, err;

    /* By descriptor, so that no link put in its place is followed. */
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    wd = inotify_add_watch(watch->fd, link, EVENTS);
    err = wd < 0 ? errno : remember(watch, wd, path);
    dir = err == 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        fprintf(stderr, "treecopy_server: changes below \"%s\" will not be seen: %s\n", path,
                err == ENOSPC ? "raise fs.inotify.max_user_watches" : strerror(err ? err : errno));
        close(fd);
        return;
    }
    while ((entry = readdir(dir)) != NULL) {
        char *below;
        int sub;

        if (!tc_name_ok(entry->d_name) || (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN))
            continue;
        sub = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (sub < 0)
            continue;           /* gone, no directory, or not ours to read */
        below = tc_path_join(path, entry->d_name);
        if (below != NULL)
            add_dir(watch, sub, below);
        else
            close(sub);
        free(below);
    }
    closedir(dir);
}

static void add_path(struct tree_watch *watch, const char *path)
{
    const char *name;
    int dir, fd;

    if (tc_open_parent(watch->root, path, &dir, &name) != 0)
        return;                 /* gone again */
    fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    close(dir);
    if (fd >= 0)
        add_dir(watch, fd, path);
}

/* Ends the watches on a directory that was moved away, and on all below it. */
static void remove_path(struct tree_watch *watch, const char *path)
{
    size_t len = strlen(path);
    size_t i = 0;

    while (i < watch->count) {
        const char *p = watch->dirs[i].path;

        if (strncmp(p, path, len) == 0 && (p[len] == '\0' || p[len] == '/')) {
            inotify_rm_watch(watch->fd, watch->dirs[i].wd);
            forget(watch, i);
        } else {
            i++;
        }
    }
}

static int is_regular(struct tree_watch *watch, const char *path)
{
    struct stat st;
    const char *name;
    int dir, regular;

    if (tc_open_parent(watch->root, path, &dir, &name) != 0)
        return 0;
    regular = fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode)
        && st.st_nlink == 1;
    close(dir);
    return regular;
}

static void handle(struct tree_watch *watch, const struct inotify_event *event,
                   tree_watch_fn *report, void *arg)
{
    char *path;
    size_t i;

    if (event->mask & IN_Q_OVERFLOW) {
        report(arg, TC_LOST_TRACK, "");
        return;
    }
    for (i = 0; i < watch->count && watch->dirs[i].wd != event->wd; i++)
        ;
    if (i == watch->count)
        return;
    if (event->mask & IN_IGNORED) {
        forget(watch, i);
        return;
    }
    path = event->len > 0 ? tc_path_join(watch->dirs[i].path, event->name)
                          : strdup(watch->dirs[i].path);
    if (path == NULL) {
        report(arg, TC_LOST_TRACK, "");
        return;
    }
    if (event->mask & (IN_DELETE | IN_MOVED_FROM)) {
        if (event->mask & IN_ISDIR)
            remove_path(watch, path);
        report(arg, TC_REMOVED, path);
    } else {
        if ((event->mask & IN_ISDIR) && (event->mask & (IN_CREATE | IN_MOVED_TO)))
            add_path(watch, path);
        /* A new regular file is reported when its writer has closed it. */
        if (!(event->mask & IN_CREATE) || !is_regular(watch, path))
            report(arg, TC_CHANGED, path);
    }
    free(path);
}

struct tree_watch *tree_watch_start(int root)
{
    struct tree_watch *watch = calloc(1, sizeof *watch);

    if (watch == NULL)
        return NULL;
    watch->root = root;
    watch->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (watch->fd < 0) {
        int err = errno;

        free(watch);
        errno = err;
        return NULL;
    }
    add_path(watch, "");
    return watch;
}

void tree_watch_stop(struct tree_watch *watch)
{
    if (watch == NULL)
        return;
    close(watch->fd);
    while (watch->count > 0)
        forget(watch, watch->count - 1);
    free(watch->dirs);
    free(watch);
}

int tree_watch_fd(const struct tree_watch *watch)
{
    return watch->fd;
}

void tree_watch_read(struct tree_watch *watch, tree_watch_fn *report, void *arg)
{
    union {
        struct inotify_event event;     /* for the alignment */
        char bytes[16384];
    } buf;
    ssize_t got, at;

    got = read(watch->fd, buf.bytes, sizeof buf.bytes);
    for (at = 0; at < got;) {
        const struct inotify_event *event = (const struct inotify_event *) (buf.bytes + at);

        handle(watch, event, report, arg);
        at += (ssize_t) (sizeof *event + event->len);
    }
}
