/* Programs of this directory as processes that are told what to do, a line at a time. */
#ifndef CHILDREN_H
#define CHILDREN_H

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct child {
	const char *name;
	pid_t pid;
	FILE *to, *from;
};

/* Hostile and slow peers: see attacker.c. */
struct attacker {
	struct child child;
	int port;               /* of a hostile server */
};

/* Starts one that rests, at low priority: it stands for other machines. */
void attacker_start(struct attacker *a, const char *attack, int port, int threads, long pause);
void attacker_go(struct attacker *a);
/* The steps that it has done so far, all in all. */
long attacker_rest(struct attacker *a);
void attacker_end(struct attacker *a);

/* A server: see host.c. */
struct host {
	struct child child;
	int port;
};
struct host_stats {
	long rss_kib, heap_kib, descriptors, threads, cpu_us;
	long connections, connections_max, accepted, disconnected;
	long reads_paused, accepts_paused;
};
/* With certificates, or NULL; one that listens comes by host_listen(). */
void host_start(struct host *h, int dispatchers, const char *certs);
/* One of the settings of host.c. */
void host_set(struct host *h, const char *setting, long value);
/* Listens, also on a Unix socket if there is a name. */
void host_listen(struct host *h, const char *name);
void host_stats(struct host *h, struct host_stats *stats);
void host_end(struct host *h);

#endif
