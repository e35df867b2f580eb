/* What the server and the client share: names, paths and statuses. */

#ifndef TREECOPY_COMMON_H
#define TREECOPY_COMMON_H

#include <pthread.h>
#include <stddef.h>

#include "treecopy_minirpc.h"

/* Whether name may be a directory entry: not empty, not "." or "..", no '/'.
   Neither side believes the other. */
int tc_name_ok(const char *name);

/* Joins dir ("" for the root) and name.  NULL with errno set: ENAMETOOLONG over
   TC_PATH_MAX bytes, or ENOMEM.  The caller frees it. */
char *tc_path_join(const char *dir, const char *name);

/* Opens the directory that holds path, going down from root one name at a time
   and through no symbolic link, so that nothing outside root can be reached.
   *name becomes the last name, inside path; "." for path "".  The caller closes
   *dir.  0 or an errno value; EINVAL for a path that is not a proper one. */
int tc_open_parent(int root, const char *path, int *dir, const char **name);

/* Starts up to count threads that dispatch the set's events until it goes, for
   the caller to join.  Returns how many could be started; says why not all. */
unsigned tc_start_dispatchers(struct mrpc_conn_set *set, pthread_t *threads, unsigned count);

/* Reads an option's number.  0 after saying on stderr what is wrong with it. */
int tc_parse_number(const char *text, unsigned long min, unsigned long max, unsigned *out);

/* Text for a status of this protocol or of miniRPC. */
const char *tc_strerror(mrpc_status_t status);

#endif
