#include "transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sha256.h"

/* Each async call holds one slot of the window and one count of its file's
   `pending`; issuing the calls holds one count more.  Who brings it to zero
   goes on with the file. */
struct file {
    struct session *session;
    struct folder *folder;
    char *path;
    int fd;
    tc_attr attr;
    atomic_uint pending;
    atomic_int failed;
    char temp[TEMP_NAME_LEN];
};

struct chunk {
    struct file *file;
    uint64_t offset;
    unsigned count;
};

struct folder *folder_new(int fd, const tc_attr *attr)
{
    struct folder *folder = malloc(sizeof *folder);

    if (folder == NULL) {
        close(fd);
        return NULL;
    }
    atomic_init(&folder->refs, 1);
    folder->fd = fd;
    folder->mode = attr->mode;
    folder->mtime_sec = attr->mtime_sec;
    folder->mtime_nsec = attr->mtime_nsec;
    return folder;
}

/* Permissions, but not set-user-ID and set-group-ID: owners are not kept. */
static int set_attr(int fd, unsigned mode, int64_t mtime_sec, unsigned mtime_nsec)
{
    struct timespec times[2] = { { .tv_nsec = UTIME_NOW } };

    times[1].tv_sec = (time_t) mtime_sec;
    times[1].tv_nsec = mtime_nsec < 1000000000 ? (long) mtime_nsec : 0;
    if (fchmod(fd, mode & 01777) != 0 || futimens(fd, times) != 0)
        return errno;
    return 0;
}

void folder_unref(struct folder *folder)
{
    if (atomic_fetch_sub(&folder->refs, 1) != 1)
        return;
    set_attr(folder->fd, folder->mode, folder->mtime_sec, folder->mtime_nsec);
    close(folder->fd);
    free(folder);
}

void temp_name(char name[TEMP_NAME_LEN])
{
    static atomic_uint counter;

    snprintf(name, TEMP_NAME_LEN, ".treecopy-%ld-%u", (long) getpid(),
             atomic_fetch_add(&counter, 1));
}

static const char *last_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

static void file_failed(struct file *file, const char *why)
{
    if (!atomic_exchange(&file->failed, 1))
        session_failed(file->session, file->path, why);
}

static void file_call_failed(struct file *file, mrpc_status_t status)
{
    if (!atomic_exchange(&file->failed, 1))
        session_call_failed(file->session, file->path, status);
}

/* No failure yet: it is tried again, from the beginning. */
static void file_changed(struct file *file)
{
    if (!atomic_exchange(&file->failed, 1))
        session_changed(file->session, file->path);
}

/* The end of a file, good or bad. */
static void file_done(struct file *file)
{
    if (atomic_load(&file->failed))
        unlinkat(file->folder->fd, file->temp, 0);
    close(file->fd);
    folder_unref(file->folder);
    free(file->path);
    free(file);
}

static void file_publish(struct file *file)
{
    int err = set_attr(file->fd, file->attr.mode, file->attr.mtime_sec, file->attr.mtime_nsec);

    if (err == 0 && renameat(file->folder->fd, file->temp, file->folder->fd,
                             last_name(file->path)) != 0)
        err = errno;
    if (err == 0)
        session_count_file(file->session);
    else
        file_failed(file, strerror(err));
}

static void got_digest(void *conn_private, void *msg_private, mrpc_status_t status,
                       tc_digest *reply)
{
    struct session *s = conn_private;
    struct file *file = msg_private;
    unsigned char ours[SHA256_LEN];
    int err;

    session_count_call(s, 0);
    if (status != MINIRPC_OK) {
        file_call_failed(file, status);
    } else {
        /* Reading a big file back takes a while: let the next replies be
           handled by the other dispatcher. */
        mrpc_release_event();
        err = sha256_fd(file->fd, ours);
        if (err != 0)
            file_failed(file, strerror(err));
        else if (memcmp(ours, reply->sha256, sizeof ours) != 0)
            file_changed(file);
        else
            file_publish(file);
    }
    file_done(file);
    session_give_slot(s);
}

/* Gives up one of the file's pending counts, and the slot of the window that a
   callback holds; the last one asks for the checksum, with that slot. */
static void file_release(struct file *file, int has_slot)
{
    struct session *s = file->session;
    mrpc_status_t status;

    if (atomic_fetch_sub(&file->pending, 1) != 1) {
        if (has_slot)
            session_give_slot(s);
        return;
    }
    if (!has_slot)
        session_take_slot(s);
    if (!atomic_load(&file->failed)) {
        status = treecopy_get_digest_async(s->conn, got_digest, file, &file->path);
        if (status == MINIRPC_OK)
            return;
        file_call_failed(file, status);
    }
    file_done(file);
    session_give_slot(s);
}

static int write_all(int fd, const char *data, size_t len, uint64_t offset)
{
    while (len > 0) {
        ssize_t put = pwrite(fd, data, len, (off_t) offset);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return errno;
        data += put;
        len -= (size_t) put;
        offset += (uint64_t) put;
    }
    return 0;
}

static void got_chunk(void *conn_private, void *msg_private, mrpc_status_t status,
                      tc_read_out *reply)
{
    struct session *s = conn_private;
    struct chunk *chunk = msg_private;
    struct file *file = chunk->file;
    int err;

    session_count_call(s, status == MINIRPC_OK ? reply->data.data_len : 0);
    if (status != MINIRPC_OK) {
        file_call_failed(file, status);
    } else if (reply->data.data_len != chunk->count) {
        file_changed(file);     /* shorter than it was when it was listed */
    } else {
        err = write_all(file->fd, reply->data.data_val, reply->data.data_len, chunk->offset);
        if (err != 0)
            file_failed(file, strerror(err));
    }
    free(chunk);
    file_release(file, 1);
}

static mrpc_status_t ask_chunk(struct file *file, uint64_t offset, unsigned count)
{
    struct session *s = file->session;
    tc_read_in in = { .path = file->path, .offset = offset, .count = count };
    struct chunk *chunk = malloc(sizeof *chunk);
    mrpc_status_t status;

    if (chunk == NULL)
        return MINIRPC_ENCODING_ERR;
    chunk->file = file;
    chunk->offset = offset;
    chunk->count = count;
    session_take_slot(s);
    atomic_fetch_add(&file->pending, 1);
    status = treecopy_get_chunk_async(s->conn, got_chunk, chunk, &in);
    if (status != MINIRPC_OK) {         /* got_chunk will not be called */
        atomic_fetch_sub(&file->pending, 1);
        session_give_slot(s);
        free(chunk);
    }
    return status;
}

void transfer_file(struct session *s, struct folder *folder, const char *path,
                   const tc_attr *attr)
{
    struct file *file = calloc(1, sizeof *file);
    char *copy = strdup(path);
    uint64_t offset = 0;
    mrpc_status_t status = MINIRPC_OK;

    if (file == NULL || copy == NULL) {
        session_failed(s, path, strerror(ENOMEM));
        free(copy);
        free(file);
        return;
    }
    file->session = s;
    file->folder = folder;
    file->path = copy;
    file->attr = *attr;
    atomic_init(&file->pending, 1);
    temp_name(file->temp);
    file->fd = openat(folder->fd, file->temp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                      0600);
    if (file->fd < 0) {
        session_failed(s, path, strerror(errno));
        free(copy);
        free(file);
        return;
    }
    atomic_fetch_add(&folder->refs, 1);
    while (status == MINIRPC_OK && offset < attr->size && !atomic_load(&file->failed)) {
        uint64_t rest = attr->size - offset;
        unsigned count = rest < s->chunk ? (unsigned) rest : s->chunk;

        status = ask_chunk(file, offset, count);
        offset += count;
    }
    if (status != MINIRPC_OK)
        file_call_failed(file, status);
    file_release(file, 0);
}
