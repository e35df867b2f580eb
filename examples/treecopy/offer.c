#include "offer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common.h"
#include "sha256.h"

static mrpc_status_t status_of(int err)
{
    switch (err) {
    case 0:
        return MINIRPC_OK;
    case ENOENT:
        return TC_NOT_FOUND;
    case EACCES:
    case EPERM:
        return TC_DENIED;
    case EINVAL:
    case ENAMETOOLONG:
        return TC_BAD_PATH;
    case ENOTDIR:
    case EISDIR:
    case ELOOP:                 /* a symbolic link on the way */
    case ENXIO:                 /* a socket */
        return TC_WRONG_KIND;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        return TC_OVERLOADED;
    default:
        return TC_IO_ERROR;
    }
}

static void fill_attr(const struct stat *st, tc_attr *out)
{
    out->kind = S_ISREG(st->st_mode) ? TC_FILE : S_ISDIR(st->st_mode) ? TC_DIR
              : S_ISLNK(st->st_mode) ? TC_LINK : TC_OTHER;
    out->mode = st->st_mode & 07777;
    out->size = (u_quad_t) st->st_size;
    out->mtime_sec = st->st_mtim.tv_sec;
    out->mtime_nsec = (u_int) st->st_mtim.tv_nsec;
}

/* Opens path with flags.  O_NONBLOCK: a FIFO must not hold up the server. */
static int open_beneath(int root, const char *path, int flags, int *fd)
{
    const char *name;
    int dir;
    int err = tc_open_parent(root, path, &dir, &name);

    if (err != 0)
        return err;
    *fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | flags);
    if (*fd < 0)
        err = errno;
    close(dir);
    return err;
}

static int open_file(int root, const char *path, int *fd)
{
    struct stat st;
    int err = open_beneath(root, path, 0, fd);

    if (err != 0)
        return err;
    if (fstat(*fd, &st) != 0)
        err = errno;
    else if (!S_ISREG(st.st_mode))
        err = EISDIR;
    if (err != 0)
        close(*fd);
    return err;
}

/* A page is the first TC_PAGE_MAX names after a given one, in strcmp order,
   whatever order the directory is in.  No more than that is ever held. */

static int page_insert(tc_list_out *page, const char *name)
{
    tc_entry *entries = page->entries.entries_val;
    u_int count = page->entries.entries_len;
    u_int low = 0, high = count;
    char *copy;

    while (low < high) {
        u_int middle = low + (high - low) / 2;

        if (strcmp(entries[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == TC_PAGE_MAX) {
        page->more = TRUE;
        return 0;
    }
    copy = strdup(name);
    if (copy == NULL)
        return ENOMEM;
    if (count == TC_PAGE_MAX) {
        free(entries[--count].name);
        page->more = TRUE;
    }
    memmove(entries + low + 1, entries + low, (count - low) * sizeof *entries);
    memset(&entries[low], 0, sizeof entries[low]);
    entries[low].name = copy;
    page->entries.entries_len = count + 1;
    return 0;
}

static int page_fill(DIR *dir, const char *after, tc_list_out *page)
{
    struct dirent *entry;
    struct stat st;
    int err;
    u_int i;

    page->entries.entries_val = calloc(TC_PAGE_MAX, sizeof(tc_entry));
    if (page->entries.entries_val == NULL)
        return ENOMEM;
    for (errno = 0; (entry = readdir(dir)) != NULL; errno = 0) {
        if (!tc_name_ok(entry->d_name) || strcmp(entry->d_name, after) <= 0)
            continue;
        err = page_insert(page, entry->d_name);
        if (err != 0)
            return err;
    }
    if (errno != 0)
        return errno;
    for (i = 0; i < page->entries.entries_len; i++) {
        tc_entry *e = &page->entries.entries_val[i];

        if (fstatat(dirfd(dir), e->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
            fill_attr(&st, &e->attr);
        else if (errno == ENOENT)
            e->attr.kind = TC_GONE;
        else
            return errno;
    }
    return 0;
}

mrpc_status_t offer_list(int root, const tc_list_in *in, tc_list_out *out)
{
    DIR *dir;
    int fd;
    int err = open_beneath(root, in->dir, O_DIRECTORY, &fd);

    if (err != 0)
        return status_of(err);
    dir = fdopendir(fd);
    if (dir == NULL) {
        err = errno;
        close(fd);
        return status_of(err);
    }
    err = page_fill(dir, in->after, out);
    closedir(dir);
    return status_of(err);
}

mrpc_status_t offer_attr(int root, const char *path, tc_attr *out)
{
    struct stat st;
    const char *name;
    int dir;
    int err = tc_open_parent(root, path, &dir, &name);

    if (err != 0)
        return status_of(err);
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        fill_attr(&st, out);
    else
        err = errno;
    close(dir);
    return status_of(err);
}

mrpc_status_t offer_target(int root, const char *path, tc_path *out)
{
    char target[TC_PATH_MAX + 1];
    const char *name;
    ssize_t len;
    int dir;
    int err = tc_open_parent(root, path, &dir, &name);

    if (err != 0)
        return status_of(err);
    len = readlinkat(dir, name, target, sizeof target);
    if (len < 0)
        err = errno == EINVAL ? ELOOP : errno;      /* EINVAL: not a link */
    close(dir);
    if (err != 0)
        return status_of(err);
    if (len > TC_PATH_MAX)
        return TC_BAD_PATH;
    target[len] = '\0';
    *out = strdup(target);
    return *out != NULL ? MINIRPC_OK : TC_OVERLOADED;
}

mrpc_status_t offer_chunk(int root, const tc_read_in *in, tc_read_out *out)
{
    ssize_t got = 0;
    int fd, err;

    if (in->count == 0 || in->count > TC_CHUNK_MAX || in->offset > INT64_MAX - TC_CHUNK_MAX)
        return MINIRPC_INVALID_ARGUMENT;
    out->data.data_val = malloc(in->count);
    if (out->data.data_val == NULL)
        return TC_OVERLOADED;
    err = open_file(root, in->path, &fd);
    if (err != 0)
        return status_of(err);
    while (out->data.data_len < in->count) {
        got = pread(fd, out->data.data_val + out->data.data_len, in->count - out->data.data_len,
                    (off_t) (in->offset + out->data.data_len));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        out->data.data_len += (u_int) got;
    }
    if (got < 0)
        err = errno;
    close(fd);
    return status_of(err);
}

mrpc_status_t offer_digest(int root, const char *path, tc_digest *out)
{
    int fd;
    int err = open_file(root, path, &fd);

    if (err != 0)
        return status_of(err);
    err = sha256_fd(fd, (unsigned char *) out->sha256);
    close(fd);
    return status_of(err);
}
