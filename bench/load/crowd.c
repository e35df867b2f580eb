/*
 * crowd CONNECTIONS CHURN: so many connections to one process, a third of them calling, over one
 * loop and over two; so many that come, call and go; and storms against the bounds of a set. The
 * server is host.c.
 */
#include "children.h"
#include "client.h"
#include "load_client.h"
#include "load_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	ROUNDS = 20,            /* calls of each connection that calls */
	CHURNERS = 8,
	STORM = 1000, BOUND = 100,
	HOLDERS = 300, HELD = 40000, ANNOUNCED = 60000, MEMORY = 4 << 20,
	READ = 65536,           /* docs/limits.md */
	WAIT_S = 120
};

static struct mrpc_conn_set *set;
static struct worker worker = { .random = 88172645463325252u };

static double seconds_since(int64_t begun)
{
	return (double)(now_us() - begun) / 1e6;
}

static void place_for(struct place *place, const struct host *host)
{
	*place = (struct place) { .name = "TCP", .set = set, .family = AF_INET, .host = "127.0.0.1" };
	snprintf(place->service, sizeof(place->service), "%d", host->port);
}

/* Until the host has so many connections. */
static bool host_has(struct host *host, long connections, struct host_stats *stats)
{
	int64_t begun = now_us();

	do {
		host_stats(host, stats);
		if (stats->connections == connections)
			return true;
		pause_us(20000);
	} while (seconds_since(begun) < WAIT_S);
	return false;
}

/* ---- many connections, a third of them calling ---- */

struct caller {
	struct end end;
	uint64_t nr;
	int rounds;
};

static atomic_long answered, finished;
static atomic_uint_fast64_t next_number = 1;

static void call(struct caller *c);

static void on_answer(UNUSED void *data, void *private, mrpc_status_t status, parcel *out)
{
	struct caller *c = private;

	if (status != MINIRPC_OK || out->nr != answer(nr_load_echo, c->nr))
		fault("call %llu: %s", (unsigned long long)c->nr, mrpc_strerror(status));
	else
		atomic_fetch_add(&answered, 1);
	if (++c->rounds < ROUNDS)
		call(c);
	else
		atomic_fetch_add(&finished, 1);
}

static void call(struct caller *c)
{
	char bytes[64];
	parcel in = { atomic_fetch_add(&next_number, 1), { sizeof(bytes), bytes } };
	mrpc_status_t status;

	c->nr = in.nr;
	pattern(in.nr, bytes, sizeof(bytes));
	status = load_echo_async(c->end.conn, on_answer, c, &in);
	if (status != MINIRPC_OK) {
		fault("a call was not made: %s", mrpc_strerror(status));
		atomic_fetch_add(&finished, 1);
	}
}

static void many(long connections, int loops)
{
	struct caller *callers = calloc((size_t)connections, sizeof(*callers));
	long calling = connections / 3, i, before_faults = faults();
	struct host_stats before, idle, after;
	struct place place;
	struct host host;
	int64_t begun, took;
	double cpu;
	bool all;

	host_start(&host, 2, NULL);
	host_set(&host, "loops", loops);
	host_set(&host, "backlog", 1024);
	host_listen(&host, NULL);
	place_for(&place, &host);
	host_stats(&host, &before);
	begun = now_us();
	for (i = 0; i < connections; i++)
		client_connect(&callers[i].end, &place, WHO_IDLE);
	took = now_us() - begun;
	all = host_has(&host, connections, &idle);
	verdict(all, "%d loop%s: %ld connections to one process in %.1f s, %ld bytes of its memory each",
		loops, loops > 1 ? "s" : "", idle.connections, (double)took / 1e6,
		(idle.rss_kib - before.rss_kib) * 1024 / connections);

	atomic_store(&answered, 0);
	atomic_store(&finished, 0);
	begun = now_us();
	for (i = 0; i < calling; i++)
		call(&callers[i * 3]);
	while (atomic_load(&finished) < calling && seconds_since(begun) < WAIT_S)
		pause_us(1000);
	took = now_us() - begun;
	host_stats(&host, &after);
	cpu = (double)(after.cpu_us - idle.cpu_us) * 100 / (double)took;
	verdict(atomic_load(&answered) == calling * ROUNDS, "%d loop%s: %ld of them call at once: %ld of "
		"%ld calls answered right, %.0f a second, with %.0f %% of a processor", loops,
		loops > 1 ? "s" : "", calling, atomic_load(&answered), calling * ROUNDS,
		(double)atomic_load(&answered) * 1e6 / (double)took, cpu);

	for (i = 0; i < connections; i++)
		client_call(&worker, &callers[i].end);
	verdict(faults() == before_faults, "%d loop%s: one more sync call on each", loops,
		loops > 1 ? "s" : "");
	begun = now_us();
	for (i = 0; i < connections; i++)
		mrpc_conn_close(callers[i].end.conn);
	for (i = 0; i < connections; i++)
		client_close(&callers[i].end);
	all = host_has(&host, 0, &after);
	verdict(all && after.descriptors == before.descriptors && after.threads == before.threads &&
		after.disconnected == connections, "%d loop%s: all gone in %.1f s: %ld descriptors and %ld "
		"threads, as before", loops, loops > 1 ? "s" : "", seconds_since(begun),
		after.descriptors, after.threads);
	host_end(&host);
	free(callers);
}

/* ---- churn ---- */

static atomic_long to_come;
static struct place churn_places[2];

static void *churn(void *arg)
{
	struct worker w = { .random = (uint64_t)(uintptr_t)arg * 2654435761u + 1 };
	struct end end;
	long n;

	while ((n = atomic_fetch_sub(&to_come, 1)) > 0) {
		client_connect(&end, &churn_places[n % 2], WHO_PASSING);
		client_call(&w, &end);
		client_close(&end);
	}
	return NULL;
}

static void churn_some(long count)
{
	pthread_t threads[CHURNERS];
	uintptr_t i;

	atomic_store(&to_come, count);
	for (i = 0; i < CHURNERS; i++)
		MUST(pthread_create(&threads[i], NULL, churn, (void *)i));
	for (i = 0; i < CHURNERS; i++)
		MUST(pthread_join(threads[i], NULL));
}

static void come_and_go(long count)
{
	struct host_stats warm, after;
	long before_faults = faults();
	char name[64];
	struct host host;
	int64_t begun;
	bool all;

	snprintf(name, sizeof(name), "@minirpc-crowd-%d", (int)getpid());
	host_start(&host, 2, NULL);
	host_set(&host, "backlog", 128);
	host_listen(&host, name);
	place_for(&churn_places[0], &host);
	churn_places[1] = (struct place) { "Unix", set, AF_UNIX, name, "" };
	begun = now_us();
	churn_some(count / 10);
	host_has(&host, 0, &warm);
	churn_some(count - count / 10);
	all = host_has(&host, 0, &after);
	verdict(all && faults() == before_faults && after.accepted == count && after.disconnected == count,
		"%ld connections came, made a call and went, %.0f a second", after.disconnected,
		(double)count / seconds_since(begun));
	verdict(after.descriptors == warm.descriptors && after.threads == warm.threads,
		"%ld descriptors and %ld threads after a tenth of them, %ld and %ld at the end",
		warm.descriptors, warm.threads, after.descriptors, after.threads);
	verdict(after.heap_kib <= warm.heap_kib + 64, "heap: %ld KiB, then %ld KiB; resident: %ld KiB, "
		"then %ld KiB", warm.heap_kib, after.heap_kib, warm.rss_kib, after.rss_kib);
	host_end(&host);
}

/* ---- storms ---- */

static void word(unsigned char *at, uint32_t value)
{
	value = htonl(value);
	memcpy(at, &value, sizeof(value));
}

static int attach(int port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	MUST(fd < 0);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0 && errno != EINPROGRESS)
		MUST(errno);
	return fd;
}

/* All come at once, each with a request, and go when they are answered; who is refused by the
 * kernel comes again. How many were answered. */
static long storm(int port, int count, long *again)
{
	struct pollfd *fds = calloc((size_t)count, sizeof(*fds));
	bool *asked = calloc((size_t)count, sizeof(*asked));
	unsigned char bytes[64] = { 0 };
	int64_t begun = now_us();
	long served = 0;
	int i;

	*again = 0;
	word(bytes + 4, (uint32_t)-1);
	word(bytes + 8, nr_load_hello);
	word(bytes + 12, 8);
	word(bytes + 20, WHO_IDLE);
	for (i = 0; i < count; i++)
		fds[i] = (struct pollfd) { .fd = attach(port), .events = POLLOUT };
	while (served < count && seconds_since(begun) < WAIT_S) {
		poll(fds, (nfds_t)count, 100);
		for (i = 0; i < count; i++) {
			unsigned char reply[64];
			ssize_t n = 0;

			if (fds[i].fd < 0 || fds[i].revents == 0)
				continue;
			if (!asked[i]) {
				n = send(fds[i].fd, bytes, 24, MSG_NOSIGNAL);
				asked[i] = n == 24;
				fds[i].events = POLLIN;
				if (n == 24)
					continue;
			} else if (fds[i].revents & (POLLIN | POLLHUP | POLLERR)) {
				n = recv(fds[i].fd, reply, sizeof(reply), 0);
			}
			close(fds[i].fd);
			if (n == 24) {
				fds[i].fd = -1;
				served++;
				continue;
			}
			*again += 1;
			asked[i] = false;
			fds[i] = (struct pollfd) { .fd = attach(port), .events = POLLOUT };
		}
	}
	for (i = 0; i < count; i++)
		if (fds[i].fd >= 0)
			close(fds[i].fd);
	free(fds);
	free(asked);
	return served;
}

static void storm_of_connections(void)
{
	struct host_stats stats;
	struct host host;
	int64_t begun;
	long served, again;

	host_start(&host, 2, NULL);
	host_set(&host, "connections", BOUND);
	host_set(&host, "backlog", 256);
	host_listen(&host, NULL);
	begun = now_us();
	served = storm(host.port, STORM, &again);
	host_has(&host, 0, &stats);
	verdict(served == STORM && stats.connections_max <= BOUND && stats.accepts_paused > 0,
		"a storm of %d on a bound of %d connections: %ld answered in %.1f s, %ld at once at most, "
		"%ld came again", STORM, BOUND, served, seconds_since(begun), stats.connections_max, again);
	host_end(&host);
}

static void storm_of_descriptors(void)
{
	struct host_stats stats;
	struct host host;
	int64_t begun;
	long served, again;

	host_start(&host, 2, NULL);
	host_set(&host, "backlog", 256);
	host_set(&host, "backoff", 100);
	host_listen(&host, NULL);
	host_stats(&host, &stats);
	host_set(&host, "descriptors", stats.descriptors + BOUND);
	begun = now_us();
	served = storm(host.port, STORM, &again);
	host_has(&host, 0, &stats);
	verdict(served == STORM, "a storm of %d on a process with %d descriptors: %ld answered in %.1f s, "
		"%ld at once at most, %ld came again", STORM, BOUND, served, seconds_since(begun),
		stats.connections_max, again);
	host_end(&host);
}

/* They hold more than the set may; one that is there already, and one that comes later, are
 * served. */
static void storm_on_memory(void)
{
	unsigned char *bytes = calloc(1, HELD);
	long before_faults = faults(), bound = (MEMORY + (long)HOLDERS * READ) / 1024, grown;
	struct host_stats before, full, after;
	struct end early, late;
	struct place place;
	struct host host;
	int64_t begun;
	int fds[HOLDERS], i, sent = 0;
	bool all;

	host_start(&host, 2, NULL);
	host_set(&host, "max_buf_len", 65536);
	host_set(&host, "linger", 1000);
	host_set(&host, "backlog", 512);
	host_listen(&host, NULL);
	place_for(&place, &host);
	client_connect(&early, &place, WHO_STEADY);
	for (i = 0; i < HOLDERS; i++)
		fds[i] = attach(host.port);
	host_has(&host, HOLDERS + 1, &before);
	host_set(&host, "memory", MEMORY);
	word(bytes + 4, (uint32_t)-1);
	word(bytes + 8, nr_load_echo);
	word(bytes + 12, ANNOUNCED);
	for (i = 0; i < HOLDERS; i++)
		sent += send(fds[i], bytes, HELD, MSG_NOSIGNAL) == HELD;
	begun = now_us();
	for (i = 0; i < 200; i++)
		client_call(&worker, &early);
	host_stats(&host, &full);
	grown = full.rss_kib - before.rss_kib;
	verdict(sent == HOLDERS && grown <= bound && faults() == before_faults, "%d peers bring %d KiB of "
		"messages each, on a bound of %d KiB: %ld KiB more (bound of docs/limits.md: %ld), and 200 calls "
		"beside them in %.2f s", HOLDERS, HELD / 1024, MEMORY / 1024, grown, bound,
		seconds_since(begun));
	client_connect(&late, &place, WHO_STEADY);
	client_call(&worker, &late);
	verdict(faults() == before_faults, "who comes then is served after %.1f s (linger 1 s)",
		seconds_since(begun));
	client_close(&early);
	client_close(&late);
	for (i = 0; i < HOLDERS; i++)
		close(fds[i]);
	all = host_has(&host, 0, &after);
	verdict(all && after.heap_kib <= before.heap_kib, "and nothing is kept: "
		"heap %ld KiB before, %ld KiB after", before.heap_kib, after.heap_kib);
	host_end(&host);
	free(bytes);
}

int main(int argc, char **argv)
{
	long connections = argc > 1 ? atol(argv[1]) : 0, churned = argc > 2 ? atol(argv[2]) : 0;
	struct rlimit limit;

	if (argc != 3 || connections < 3 || churned < 10) {
		fprintf(stderr, "usage: crowd CONNECTIONS CHURN\n");
		return 2;
	}
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if ((long)limit.rlim_cur < connections + 100) {
		printf("%ld descriptors are allowed, and %ld needed: ulimit -Hn\n", (long)limit.rlim_cur,
		       connections + 100);
		return 1;
	}
	signal(SIGPIPE, SIG_IGN);
	set = client_new(2);
	many(connections, 1);
	many(connections, 2);
	come_and_go(churned);
	storm_of_connections();
	storm_of_descriptors();
	storm_on_memory();
	mrpc_conn_set_unref(set);
	return verdicts();
}
