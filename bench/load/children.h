/* Attackers as processes: see attacker.c. */
#ifndef CHILDREN_H
#define CHILDREN_H

#include <stdio.h>
#include <sys/types.h>

struct attacker {
	const char *attack;
	pid_t pid;
	FILE *to, *from;
	int port;               /* of a hostile server */
};

/* Starts one that rests, at low priority: it stands for other machines. */
void attacker_start(struct attacker *a, const char *attack, int port, int threads, long pause);
void attacker_go(struct attacker *a);
/* The steps that it has done so far, all in all. */
long attacker_rest(struct attacker *a);
void attacker_end(struct attacker *a);

#endif
