/*
 * A network of two namespaces and what is between them: packets that are late, lost, twice or in
 * another order, and times without any. Both ends are TUN devices; every packet goes through
 * link_run(). (netem would do the same to a veth pair, where the kernel has it.)
 */
#ifndef LOSSY_H
#define LOSSY_H

#include <stdatomic.h>
#include <stdbool.h>

enum { NEAR, FAR };             /* the ends: 10.77.0.1 and 10.77.0.2 */

struct link_state {
	atomic_int delay_us, jitter_us;         /* each packet, and so much more at random */
	atomic_int lost, twice;                 /* of 1000 */
	atomic_bool down;
	atomic_bool over;
	atomic_long packets, dropped;
};

/* Makes both ends; false, with a note, where the system does not let us. Before any thread. */
bool link_open(void);
/* The calling process is at that end from now on. */
void link_enter(int end);
/* Carries packets until state->over. */
void link_run(struct link_state *state);

#endif
