#ifndef SCREEN_H
#define SCREEN_H

#include <minirpc/minirpc.h>

/* Prints all that the set can tell of itself, and its connections. Rates are since the last
   call, `seconds` ago. */
void screen_show(struct mrpc_conn_set *set, double seconds);

#endif
