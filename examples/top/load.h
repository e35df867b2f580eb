#ifndef LOAD_H
#define LOAD_H

/* Some clients that call the server on that port as fast as it answers, each in a thread of
   its own, and come and go. */
void load_start(const char *port);

/* Returns when all of them have left. */
void load_stop(void);

#endif
