#define _GNU_SOURCE
#include "measure.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static pid_t pids[2];

void measure_processes(pid_t client, pid_t server)
{
	pids[CLIENT] = client;
	pids[SERVER] = server;
}

pid_t process_id(int side)
{
	return pids[side];
}

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

double cpu_seconds(int side)
{
	clockid_t clock;
	struct timespec t;

	if (clock_getcpuclockid(pids[side], &clock) || clock_gettime(clock, &t))
		return 0;
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* The number behind `key` in a file of /proc, or -1. */
static long proc_number(const char *path, const char *key)
{
	char line[256];
	long value = -1;
	FILE *f = fopen(path, "r");

	if (f == NULL)
		return -1;
	while (value < 0 && fgets(line, sizeof line, f))
		if (!strncmp(line, key, strlen(key)))
			value = atol(line + strlen(key));
	fclose(f);
	return value;
}

/* smaps_rollup is exact; VmRSS of status lags by some pages per thread. */
long rss_kb(int side)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pids[side]);
	return proc_number(path, "Rss:");
}

static long threads(int side)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/status", (int)pids[side]);
	return proc_number(path, "Threads:");
}

static long sleeps(int side)
{
	char path[400];
	long sum = 0;
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof path, "/proc/%d/task", (int)pids[side]);
	d = opendir(path);
	if (d == NULL)
		return 0;
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "/proc/%d/task/%s/status", (int)pids[side],
			e->d_name);
		sum += proc_number(path, "voluntary_ctxt_switches:");
	}
	closedir(d);
	return sum;
}

static void read_proc(struct snapshot *s)
{
	for (int side = 0; side < 2; side++) {
		s->rss_kb[side] = rss_kb(side);
		s->sleeps[side] = sleeps(side);
	}
}

static void read_clocks(struct snapshot *s)
{
	for (int side = 0; side < 2; side++)
		s->cpu[side] = cpu_seconds(side);
	s->seconds = (double)now_ns() * 1e-9;
}

/* The slow reading of /proc stays outside the span that is measured. */
void snapshot_start(struct snapshot *s)
{
	read_proc(s);
	read_clocks(s);
}

void snapshot_end(struct snapshot *s)
{
	read_clocks(s);
	read_proc(s);
}

void latencies_init(struct latencies *l, uint64_t room)
{
	l->ns = malloc(room * sizeof *l->ns);
	l->count = 0;
	l->room = l->ns ? room : 0;
	if (l->ns)
		memset(l->ns, 1, room * sizeof *l->ns); /* no page faults later */
}

void latencies_add(struct latencies *l, uint64_t ns)
{
	if (l->count < l->room)
		l->ns[l->count++] = ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
}

void latencies_append(struct latencies *l, const struct latencies *from)
{
	for (uint64_t i = 0; i < from->count; i++)
		latencies_add(l, from->ns[i]);
}

static int ascending(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

void latencies_sort(struct latencies *l)
{
	qsort(l->ns, l->count, sizeof *l->ns, ascending);
}

double percentile_us(const struct latencies *sorted, double p)
{
	if (sorted->count == 0)
		return 0;
	return sorted->ns[(uint64_t)((double)(sorted->count - 1) * p)] / 1e3;
}

void report(const struct snapshot *from, const struct snapshot *to, uint64_t calls,
	struct latencies *l, const char *extra)
{
	double n = calls ? (double)calls : 1, s = to->seconds - from->seconds;
	double cpu[2], slept[2];

	for (int side = 0; side < 2; side++) {
		cpu[side] = to->cpu[side] - from->cpu[side];
		slept[side] = (double)(to->sleeps[side] - from->sleeps[side]) / n;
	}
	printf("calls=%llu secs=%.4f rate=%.1f", (unsigned long long)calls, s, n / s);
	if (l && l->count) {
		latencies_sort(l);
		printf(" p50=%.2f p99=%.2f p999=%.2f max=%.1f", percentile_us(l, 0.5),
			percentile_us(l, 0.99), percentile_us(l, 0.999), percentile_us(l, 1));
	}
	printf(" cpu_us=%.3f cli_cpu_us=%.3f srv_cpu_us=%.3f cli_sleeps=%.4f srv_sleeps=%.4f",
		(cpu[0] + cpu[1]) * 1e6 / n, cpu[CLIENT] * 1e6 / n, cpu[SERVER] * 1e6 / n,
		slept[CLIENT], slept[SERVER]);
	printf(" cli_rss_kb=%ld srv_rss_kb=%ld cli_grew_kb=%ld srv_grew_kb=%ld", to->rss_kb[CLIENT],
		to->rss_kb[SERVER], to->rss_kb[CLIENT] - from->rss_kb[CLIENT],
		to->rss_kb[SERVER] - from->rss_kb[SERVER]);
	printf(" cli_threads=%ld srv_threads=%ld %s\n", threads(CLIENT), threads(SERVER), extra);
	fflush(stdout);
}
