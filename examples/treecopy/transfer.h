/* Copies files, many chunks at a time, and makes sure of each. */

#ifndef TREECOPY_TRANSFER_H
#define TREECOPY_TRANSFER_H

#include <stdatomic.h>

#include "session.h"

/* A folder of the copy.  It gets its mode and time when the last file in it is
   done, as both change on the way, and a read-only one takes no files. */
struct folder {
    atomic_uint refs;
    int fd;
    unsigned mode;
    int64_t mtime_sec;
    unsigned mtime_nsec;
};

/* Takes fd over, in any case.  NULL without memory. */
struct folder *folder_new(int fd, const tc_attr *attr);
void folder_unref(struct folder *folder);

/* A name for a file or link that is not complete yet. */
#define TEMP_NAME_LEN 40
void temp_name(char name[TEMP_NAME_LEN]);

/* Starts to copy a file; waits only while the window is full.  The file appears
   under its name once it is complete and has the server's checksum. */
void transfer_file(struct session *s, struct folder *folder, const char *path,
                   const tc_attr *attr);

#endif
