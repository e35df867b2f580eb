#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int tc_name_ok(const char *name)
{
    return name[0] != '\0' && strcmp(name, ".") != 0 && strcmp(name, "..") != 0
        && strchr(name, '/') == NULL && strlen(name) <= TC_NAME_MAX;
}

char *tc_path_join(const char *dir, const char *name)
{
    size_t dir_len = strlen(dir), name_len = strlen(name);
    char *path, *end;

    if (dir_len + 1 + name_len > TC_PATH_MAX) {
        errno = ENAMETOOLONG;
        return NULL;
    }
    path = malloc(dir_len + 1 + name_len + 1);
    if (path == NULL)
        return NULL;
    memcpy(path, dir, dir_len);
    end = path + dir_len;
    if (dir_len > 0)
        *end++ = '/';
    memcpy(end, name, name_len + 1);
    return path;
}

/* Goes from the directory *fd to its subdirectory of len bytes at name. */
static int descend(int *fd, const char *name, size_t len)
{
    char part[TC_NAME_MAX + 1];
    int next;

    if (len >= sizeof part)
        return ENAMETOOLONG;
    memcpy(part, name, len);
    part[len] = '\0';
    if (!tc_name_ok(part))
        return EINVAL;
    next = openat(*fd, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (next < 0)
        return errno;
    close(*fd);
    *fd = next;
    return 0;
}

int tc_open_parent(int root, const char *path, int *dir, const char **name)
{
    const char *slash;
    int err = 0;
    int fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return errno;
    if (path[0] == '\0') {
        *name = ".";
        *dir = fd;
        return 0;
    }
    while (err == 0 && (slash = strchr(path, '/')) != NULL) {
        err = descend(&fd, path, (size_t) (slash - path));
        path = slash + 1;
    }
    if (err == 0 && !tc_name_ok(path))
        err = EINVAL;
    if (err != 0) {
        close(fd);
        return err;
    }
    *name = path;
    *dir = fd;
    return 0;
}

static void *dispatcher(void *arg)
{
    struct mrpc_conn_set *set = arg;

    mrpc_dispatcher_add(set);
    mrpc_conn_set_unref(set);   /* taken for us, so that the set is still here */
    mrpc_dispatch_loop(set);
    mrpc_dispatcher_remove(set);
    return NULL;
}

unsigned tc_start_dispatchers(struct mrpc_conn_set *set, pthread_t *threads, unsigned count)
{
    unsigned i;
    int err;

    for (i = 0; i < count; i++) {
        mrpc_conn_set_ref(set);
        err = pthread_create(&threads[i], NULL, dispatcher, set);
        if (err != 0) {
            mrpc_conn_set_unref(set);
            fprintf(stderr, "treecopy: %u of %u threads: %s\n", i, count, strerror(err));
            break;
        }
    }
    return i;
}

int tc_parse_number(const char *text, unsigned long min, unsigned long max, unsigned *out)
{
    unsigned long value;
    char *end;

    errno = 0;
    value = strtoul(text, &end, 10);
    if (errno != 0 || text[0] < '0' || text[0] > '9' || *end != '\0' || value < min
        || value > max) {
        fprintf(stderr, "treecopy: \"%s\" is not a number from %lu to %lu\n", text, min, max);
        return 0;
    }
    *out = (unsigned) value;
    return 1;
}

const char *tc_strerror(mrpc_status_t status)
{
    switch (status) {
    case TC_NOT_FOUND:
        return "No such file on the server";
    case TC_DENIED:
        return "The server may not read it";
    case TC_BAD_PATH:
        return "The server refuses the path";
    case TC_WRONG_KIND:
        return "Not of the kind expected";
    case TC_IO_ERROR:
        return "Input/output error on the server";
    case TC_OVERLOADED:
        return "The server is short of memory or descriptors";
    default:
        return mrpc_strerror(status);
    }
}
