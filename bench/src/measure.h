/* Clocks, CPU time and memory of the two processes, and the report. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdint.h>
#include <sys/types.h>

enum { CLIENT, SERVER };

struct snapshot {
	double seconds;
	double cpu[2];
	long sleeps[2]; /* voluntary context switches of all threads */
	long rss_kb[2];
};

/* Latencies in ns, as many as there is room for. */
struct latencies {
	uint32_t *ns;
	uint64_t count, room;
};

void measure_processes(pid_t client, pid_t server);
pid_t process_id(int side);
uint64_t now_ns(void);
double cpu_seconds(int side);
long rss_kb(int side);
void snapshot_start(struct snapshot *s);
void snapshot_end(struct snapshot *s);

void latencies_init(struct latencies *l, uint64_t room);
void latencies_add(struct latencies *l, uint64_t ns);
void latencies_append(struct latencies *l, const struct latencies *from);
void latencies_sort(struct latencies *l);
double percentile_us(const struct latencies *sorted, double p);

/* Prints key=value pairs on one line, `extra` last. */
void report(const struct snapshot *from, const struct snapshot *to, uint64_t calls,
	struct latencies *l, const char *extra);

#endif
