/* Watches a directory tree for changes, by inotify. */

#ifndef TREECOPY_WATCH_H
#define TREECOPY_WATCH_H

#include "treecopy_minirpc.h"

struct tree_watch;

/* path is relative to the root, as in treecopy.mx; "" with TC_LOST_TRACK. */
typedef void (tree_watch_fn)(void *arg, tc_change_kind kind, const char *path);

/* Starts to watch everything below root, which must stay open.  NULL with errno
   set.  What cannot be watched is named on stderr and left out. */
struct tree_watch *tree_watch_start(int root);
void tree_watch_stop(struct tree_watch *watch);

/* Polls readable when there are changes. */
int tree_watch_fd(const struct tree_watch *watch);

/* Reports the changes that are there, without waiting for more. */
void tree_watch_read(struct tree_watch *watch, tree_watch_fn *report, void *arg);

#endif
