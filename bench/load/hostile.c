/*
 * hostile [-s] SECONDS CERTS|- [ATTACK...]: what hostile peers cost a server, and an innocent client of
 * it. For each attack of attacker.c (and tls-records): a server process of its own, a client that
 * makes a call each millisecond, and phases in which it is alone or the attackers do their worst,
 * in turn, so that what else goes on in the machine is in both. Judged are
 *
 *   memory   the most that was resident is at most the bound of docs/limits.md above what was
 *            before, and an eighth of it and 1 MiB, which malloc may keep
 *   time     99 of 100 calls take at most five times as long as when alone; the better of up to
 *            three tries counts
 *   answers  all right
 *
 * All are on this machine, and would be on several. So the server has a processor of its own, with
 * two dispatchers; of those that have the other ones, the attackers have the lowest priority, and
 * the innocent client, as root, the highest. With -s, or if there is but one processor, all have
 * all of them, and the time, which is the kernel's choice then, is shown and not judged.
 */
#include "children.h"
#include "client.h"
#include "tls.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	KIB = 1024, MIB = 1024 * KIB,
	/* Of docs/limits.md, as they are by default. */
	READ = 64 * KIB, EVENTS = 4096, BYTES = 4 * MIB, REPLIES = 4 * MIB, PAYLOAD = 16 * KIB,
	EVENT = 128, CONNECTION = 1024, SESSION = 100 * KIB + 73 * KIB,
	TEXT = 96,              /* of an error, at most: its payload */
	SLACK = 1 * MIB,
	TIMES = 5, TRIES = 3, CALLS_MAX = 400000
};

/* What one connection may hold that sends small messages, large ones, or nothing complete; and
 * what waits for a peer that takes no replies. */
#define SMALL_ONES (CONNECTION + READ + PAYLOAD + (EVENTS + READ / 16) * EVENT)
#define LARGE_ONES (SMALL_ONES + BYTES + PAYLOAD)
#define PARTIAL (CONNECTION + PAYLOAD)
#define UNTAKEN (REPLIES + READ + PAYLOAD)

static const struct attack {
	const char *name, *what;
	int threads, connections;
	long bound;             /* bytes for each connection */
	const char *formula;
	bool tls;
} attacks[] = {
	{ "announce", "4 GiB announced, and sent", 2, 2, CONNECTION + READ + PAYLOAD,
	  "1 KiB + READ + payload", false },
	{ "fragments", "good requests, byte by byte", 4, 4, PARTIAL, "1 KiB + payload", false },
	{ "bogus", "replies to no call", 2, 2, SMALL_ONES + (EVENTS + READ / 16) * TEXT,
	  "1 KiB + READ + payload + (events + READ / 16) x (128 + text)", false },
	{ "unknown", "unknown procedures", 2, 2, SMALL_ONES + UNTAKEN,
	  "1 KiB + READ + payload + (events + READ / 16) x 128 + replies", false },
	{ "counts", "counts of 4 Gi that do not come", 2, 2, SMALL_ONES + UNTAKEN,
	  "the same", false },
	{ "nesting", "lists 1,365 deep", 2, 2, LARGE_ONES + UNTAKEN,
	  "the same + bytes + payload + replies", false },
	{ "deadlines", "each request makes a call that times out", 2, 2, LARGE_ONES + UNTAKEN,
	  "the same", false },
	{ "deaf", "replies are never read", 4, 4, LARGE_ONES + UNTAKEN, "the same", false },
	{ "half", "half a header, half a message", 4, 400, PARTIAL, "1 KiB + payload", false },
	{ "silent", "10,000 connections without a byte", 4, 10000, CONNECTION, "1 KiB", false },
	{ "resets", "connect, ask, reset", 2, 2, LARGE_ONES, "as large ones", false },
	{ "handshakes", "handshakes, a byte each 100 ms", 4, 400, CONNECTION + SESSION,
	  "1 KiB + session", true },
	{ "records", "records before the handshake", 2, 2, CONNECTION + SESSION, "1 KiB + session", true },
	{ "tls-records", "a session's records: of one byte, damaged, cut off", 2, 2,
	  SMALL_ONES + SESSION, "as small ones + session", true }
};
enum { ATTACKS = sizeof(attacks) / sizeof(attacks[0]) };

/* One kind of phase: what its calls took, and what the server used. */
struct phase {
	int64_t *took;
	long calls;
	int64_t wall, cpu;
};

struct result {
	long memory, bound;     /* KiB */
	double quiet_cpu, cpu;  /* of one processor */
	int64_t quiet_p99, p99;
	double steps;           /* a second */
};

static struct mrpc_conn_set *set;
static cpu_set_t servers, ours;         /* processors */
static bool shared;

/* The first one is the server's. */
static void split_processors(void)
{
	int i;

	MUST(sched_getaffinity(0, sizeof(ours), &ours));
	servers = ours;
	shared = shared || CPU_COUNT(&ours) < 2;
	for (i = 0; !shared && CPU_COUNT(&servers) > 1; i++)
		if (CPU_ISSET(i, &ours)) {
			CPU_ZERO(&servers);
			CPU_SET(i, &servers);
			CPU_CLR(i, &ours);
		}
	MUST(sched_setaffinity(0, sizeof(ours), &ours));
}

/* Of the thread that makes the calls, not of what it starts. */
static void go_first(void)
{
	struct sched_param param = { .sched_priority = 1 };

	if (!shared && sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &param) != 0)
		printf("# not root: the innocent client has to wait for the attackers' processors\n");
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int64_t p99(struct phase *phase)
{
	qsort(phase->took, (size_t)phase->calls, sizeof(int64_t), by_size);
	return phase->calls > 0 ? phase->took[phase->calls * 99 / 100] : 0;
}

/* The most that was resident since the last time, in KiB. */
static long peak(pid_t pid)
{
	char path[64], line[256];
	long kib = 0;
	FILE *f;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, "VmHWM:", 6) == 0)
			kib = atol(line + 6);
	if (f != NULL)
		fclose(f);
	snprintf(path, sizeof(path), "/proc/%d/clear_refs", (int)pid);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	MUST(fd < 0 || write(fd, "5", 1) != 1);
	close(fd);
	return kib;
}

static void calls_for(struct worker *w, struct end *end, struct phase *phase, struct host *host,
		      double seconds)
{
	int64_t begun = now_us(), until = begun + (int64_t)(seconds * 1e6);
	struct measures m;

	measure(host->child.pid, &m);
	phase->cpu -= m.cpu_us;
	while (now_us() < until && phase->calls < CALLS_MAX) {
		int64_t at = now_us();

		client_call(w, end);
		phase->took[phase->calls++] = now_us() - at;
		pause_us(1000);
	}
	phase->wall += now_us() - begun;
	measure(host->child.pid, &m);
	phase->cpu += m.cpu_us;
}

/* A phase is as long as it takes all of them to come, at least. */
static void try(const struct attack *attack, double seconds, const char *certs, struct result *result)
{
	double length = attack->connections > 1000 ? 2 : 0.5;
	int rounds = (int)(seconds / length / 2) > 0 ? (int)(seconds / length / 2) : 1, i;
	struct worker w = { .random = 88172645463325252u };
	struct phase quiet = { 0 }, beside = { 0 };
	struct attacker attacker;
	struct place place;
	struct end end;
	struct host host;
	long before, most = 0, steps = 0;

	quiet.took = calloc(CALLS_MAX, sizeof(int64_t));
	beside.took = calloc(CALLS_MAX, sizeof(int64_t));
	MUST(sched_setaffinity(0, sizeof(servers), &servers));
	host_start(&host, 2, attack->tls ? certs : NULL);
	MUST(sched_setaffinity(0, sizeof(ours), &ours));
	host_set(&host, "backlog", 1024);
	host_set(&host, "linger", 1000);
	host_listen(&host, NULL);
	place = (struct place) { "TCP", set, AF_INET, "localhost", "" };
	snprintf(place.service, sizeof(place.service), "%d", host.port);
	client_connect(&end, &place, WHO_IDLE);
	attacker_start(&attacker, attack->name, host.port, attack->threads, 0);
	/* Both ends have seen such calls. */
	for (i = 0; i < 200; i++)
		client_call(&w, &end);
	peak(host.child.pid);
	before = peak(host.child.pid);
	for (i = 0; i < rounds; i++) {
		long kib;

		calls_for(&w, &end, &quiet, &host, length);
		peak(host.child.pid);
		attacker_go(&attacker);
		calls_for(&w, &end, &beside, &host, length);
		steps = attacker_rest(&attacker);
		kib = peak(host.child.pid);
		most = kib > most ? kib : most;
		pause_us(50000);
	}
	attacker_end(&attacker);
	client_close(&end);
	host_end(&host);
	result->memory = most - before;
	result->bound = (attack->connections * attack->bound / 8 * 9 + SLACK) / KIB;
	result->quiet_cpu = (double)quiet.cpu / (double)quiet.wall;
	result->cpu = (double)beside.cpu / (double)beside.wall;
	result->quiet_p99 = p99(&quiet);
	result->p99 = p99(&beside);
	result->steps = (double)steps * 1e6 / (double)beside.wall;
	free(quiet.took);
	free(beside.took);
}

static void judge(const struct attack *attack, double seconds, const char *certs, struct result *best)
{
	long before = faults();
	struct result one;
	int i;

	for (i = 0; i < TRIES; i++) {
		try(attack, seconds, certs, &one);
		if (i == 0 || one.p99 * best->quiet_p99 < best->p99 * one.quiet_p99) {
			long memory = i > 0 && best->memory > one.memory ? best->memory : one.memory;

			*best = one;
			best->memory = memory;
		}
		if (shared || best->p99 <= TIMES * best->quiet_p99)
			break;
	}
	verdict(best->memory <= best->bound, "%s: %ld KiB of memory, bound %ld", attack->name,
		best->memory, best->bound);
	verdict((shared || best->p99 <= TIMES * best->quiet_p99) && best->steps > 0 && faults() == before,
		"%s: p99 %lld us, alone %lld us; %.0f steps a second, %.0f %% of a processor", attack->name,
		(long long)best->p99, (long long)best->quiet_p99, best->steps, best->cpu * 100);
}

static bool wanted(const char *name, int argc, char **argv)
{
	int i;

	for (i = 3; i < argc; i++)
		if (strcmp(name, argv[i]) == 0)
			return true;
	return argc <= 3;
}

int main(int argc, char **argv)
{
	static struct result results[ATTACKS];
	const char *certs;
	double seconds;
	struct mrpc_conn_set *plain, *tls = NULL;
	struct rlimit limit;
	int i;

	if (argc > 1 && strcmp(argv[1], "-s") == 0) {
		shared = true;
		argv++;
		argc--;
	}
	seconds = argc > 1 ? atof(argv[1]) : 0;
	if (argc < 3 || seconds <= 0) {
		fprintf(stderr, "usage: hostile [-s] SECONDS CERTS|- [ATTACK...]\n");
		return 2;
	}
	certs = strcmp(argv[2], "-") != 0 ? argv[2] : NULL;
	/* For the children: 10,000 connections. */
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < 10500) {
		printf("%ld descriptors are allowed, and 10,500 needed: ulimit -Hn\n", (long)limit.rlim_cur);
		return 1;
	}
	signal(SIGPIPE, SIG_IGN);
	split_processors();
	go_first();
	plain = client_new(1);
	if (certs != NULL) {
		tls = client_new(1);
		tls_for(tls, certs, false);
	}
	for (i = 0; i < ATTACKS; i++) {
		set = attacks[i].tls ? tls : plain;
		if (set != NULL && wanted(attacks[i].name, argc, argv))
			judge(&attacks[i], seconds, certs, &results[i]);
	}
	printf("\n| attack | by | bound for each connection | bound, KiB | held, KiB | CPU, %% | p99 alone, us | p99 beside, us |\n"
	       "|---|---|---|---|---|---|---|---|\n");
	for (i = 0; i < ATTACKS; i++)
		if (results[i].bound > 0)
			printf("| %s | %d | %s | %ld | %ld | %.0f | %lld | %lld |\n", attacks[i].what,
			       attacks[i].connections, attacks[i].formula, results[i].bound,
			       results[i].memory, results[i].cpu * 100, (long long)results[i].quiet_p99,
			       (long long)results[i].p99);
	putchar('\n');
	return verdicts();
}
