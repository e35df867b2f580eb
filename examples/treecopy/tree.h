/* Walks the server's tree and copies what it finds. */

#ifndef TREECOPY_TREE_H
#define TREECOPY_TREE_H

#include "session.h"

/* Copies the tree into the open directory target, waits until all is there, and
   copies again what changed meanwhile. */
void tree_copy(struct session *s, int target);

/* Copies what changes, until the session is over. */
void tree_follow(struct session *s, int target);

#endif
