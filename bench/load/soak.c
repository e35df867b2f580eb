/*
 * soak MINUTES [CERTS]: all kinds of calls, connections that come and go, slow and hostile peers,
 * over TCP, Unix sockets and (with certificates) TLS, both ends in this process. Every call has a
 * number, and its answer is checked. Every now and then all of it comes to rest: then nothing may
 * be outstanding, each connection that came must have gone, once, and the process must hold what
 * it held at the rest that ended its warm-up.
 *
 * Warm-up is the first quarter. After it, at each rest, descriptors and threads are the same, to
 * the one. Heap and resident memory at rest: the median of the last third of those rests is at
 * most 3 % and 128 KiB (resident: 10 % and 4 MiB) above that of the first third. The most that was
 * resident under load in the last third is at most a quarter and 8 MiB above that of the first.
 */
#include "children.h"
#include "client.h"
#include "server.h"
#include "tls.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	WORKERS = 4, PASSERS = 2, THREADS = WORKERS + PASSERS, PER_PLACE = 3, PLACES_MAX = 3,
	RESTS_MAX = 720,
	STUCK_S = 60,           /* no operation may take so long */
	REST_S = 60,            /* nor may coming to rest */
	LATE_US = 20000000      /* nor may a deadline be so late, on a busy machine */
};

struct rest {
	long rss_kib, heap_kib, descriptors, threads;
	long most_rss_kib, most_descriptors, most_threads;      /* since the last one */
};

static struct place places[PLACES_MAX], hostile_place;
static int place_count;
static struct end steady[PLACES_MAX * PER_PLACE];
static int steady_count;
static struct mrpc_conn_set *sets[2 * PLACES_MAX];
static int set_count;
static struct attacker attackers[3];
static int attacker_count;
static struct worker workers[THREADS];
static struct rest rests[RESTS_MAX];
static int rest_count;
static atomic_bool going;
static atomic_int active;       /* workers that are not at rest */
static atomic_long most_rss, most_descriptors, most_threads;
static int64_t begun;

/* ---- threads ---- */

static void *run_worker(void *arg)
{
	struct worker *w = arg;
	long index = w - workers;

	for (;;) {
		while (!atomic_load(&going))
			pause_us(5000);
		atomic_fetch_add(&active, 1);
		while (atomic_load(&going)) {
			uint64_t r = chance(&w->random) >> 8;

			if (index < WORKERS)
				client_operate(w, &steady[r % (uint64_t)steady_count]);
			else if (r % 8 == 0)
				client_pass(w, &hostile_place, true);
			else
				client_pass(w, &places[r / 8 % (uint64_t)place_count], false);
			pause_us((int64_t)(chance(&w->random) % 20000));
		}
		atomic_fetch_sub(&active, 1);
	}
	return NULL;
}

static void *run_canceller(void *arg)
{
	for (;;) {
		client_cancel(workers, WORKERS);
		pause_us(1000);
	}
	return arg;
}

static void raise_to(atomic_long *most, long value)
{
	if (value > atomic_load(most))
		atomic_store(most, value);
}

/* Looks at what is held, and for operations that do not end. */
static void *run_watch(void *arg)
{
	for (;;) {
		struct measures m;
		int i;

		measure(0, &m);
		raise_to(&most_rss, m.rss_kib);
		raise_to(&most_descriptors, m.descriptors);
		raise_to(&most_threads, m.threads);
		for (i = 0; i < THREADS; i++) {
			int64_t since = atomic_load(&workers[i].since);

			if (since == 0 || now_us() - since < STUCK_S * 1000000ll)
				continue;
			printf("not ok - stuck: %s\n0 passed, 1 failed\n",
			       atomic_load(&workers[i].doing));
			fflush(stdout);
			abort();
		}
		pause_us(200000);
	}
	return arg;
}

static void start(void *(*run)(void *), void *arg)
{
	pthread_t thread;

	MUST(pthread_create(&thread, NULL, run, arg));
	pthread_detach(thread);
}

/* ---- sets and places ---- */

static void bounds(struct mrpc_conn_set *set)
{
	MUST(mrpc_set_max_buf_len(set, 65536));
	MUST(mrpc_set_listen_backlog(set, 512));
	MUST(mrpc_set_max_connections(set, 2000));
	MUST(mrpc_set_idle_timeout(set, 60000));
	MUST(mrpc_set_linger(set, 2000));
	MUST(mrpc_set_request_limit(set, 1000));
	MUST(mrpc_set_event_limit(set, 2048, 1 << 20));
	MUST(mrpc_set_reply_limit(set, 1 << 20));
	MUST(mrpc_set_memory_limit(set, 256 << 20));
	MUST(mrpc_set_latency_enabled(set, 1));
}

static struct place *place_add(const char *name, struct mrpc_conn_set *set, int family,
			       const char *host, int port)
{
	struct place *place = &places[place_count++];

	place->name = name;
	place->set = set;
	place->family = family;
	place->host = host;
	if (port > 0)
		snprintf(place->service, sizeof(place->service), "%d", port);
	return place;
}

static void plain_places(void)
{
	static char name[64];
	struct mrpc_conn_set *server = server_new(2), *client = client_new(2);
	int port;

	bounds(server);
	MUST(mrpc_set_linger(client, 1000));
	sets[set_count++] = server;
	sets[set_count++] = client;
	snprintf(name, sizeof(name), "@minirpc-soak-%d", (int)getpid());
	port = server_listen(server);
	server_listen_unix(server, name);
	place_add("TCP", client, AF_INET, "127.0.0.1", port);
	place_add("Unix", client, AF_UNIX, name, 0);
	attacker_start(&attackers[attacker_count++], "plain", port, 3, 20000);
	attacker_start(&attackers[attacker_count], "server", 0, 3, 5000);
	hostile_place = (struct place) { "hostile", client, AF_INET, "127.0.0.1", "" };
	snprintf(hostile_place.service, sizeof(hostile_place.service), "%d",
		 attackers[attacker_count++].port);
}

static void tls_place(const char *certs)
{
	struct mrpc_conn_set *server = server_new(2), *client = client_new(2);
	int port;

	bounds(server);
	tls_for(server, certs, true);
	tls_for(client, certs, false);
	sets[set_count++] = server;
	sets[set_count++] = client;
	port = server_listen(server);
	place_add("TLS", client, AF_INET, "localhost", port);
	attacker_start(&attackers[attacker_count++], "tls", port, 2, 10000);
}

/* ---- coming to rest ---- */

/* What still goes on, as a text; empty if nothing does. */
static void unrest(char *text, size_t size)
{
	struct mrpc_set_stats *s = calloc(1, sizeof(*s));
	struct server_counts server;
	struct client_counts client;
	uint64_t left = 0, links = 0;
	int i;

	*text = 0;
	for (i = 0; i < set_count; i++) {
		s->size = sizeof(*s);
		MUST(mrpc_get_stats(sets[i], s));
		links += s->connections;
		left += s->calls_outstanding + s->requests_waiting + s->requests_kept + s->bytes_unsent;
	}
	free(s);
	server_counts(&server);
	client_counts(&client);
	if (atomic_load(&active) > 0)
		snprintf(text, size, "%d workers go on", atomic_load(&active));
	else if (left > 0)
		snprintf(text, size, "%llu calls, requests and bytes are left", (unsigned long long)left);
	else if (links != 2 * (uint64_t)steady_count)
		snprintf(text, size, "%llu connections instead of %d", (unsigned long long)links,
			 2 * steady_count);
	else if (server.accepted - server.disconnected != steady_count)
		snprintf(text, size, "%ld accepted, %ld disconnected, %d stay", server.accepted,
			 server.disconnected, steady_count);
	else if (client.connected - client.disconnected != steady_count)
		snprintf(text, size, "%ld connected, %ld disconnected, %d stay", client.connected,
			 client.disconnected, steady_count);
	else if (server.calls_made != server.calls_ended || server.kept > 0)
		snprintf(text, size, "the server's calls: %ld made, %ld ended; %ld requests kept",
			 server.calls_made, server.calls_ended, server.kept);
	for (i = 0; i < steady_count && *text == 0; i++)
		if (atomic_load(&steady[i].news) != steady[i].notes)
			snprintf(text, size, "of %llu messages %llu came back",
				 (unsigned long long)steady[i].notes,
				 (unsigned long long)atomic_load(&steady[i].news));
}

static bool come_to_rest(void)
{
	int64_t end = now_us() + REST_S * 1000000ll;
	char text[256];
	int i;

	atomic_store(&going, false);
	for (i = 0; i < attacker_count; i++)
		attacker_rest(&attackers[i]);
	do {
		unrest(text, sizeof(text));
		if (*text == 0)
			return true;
		pause_us(20000);
	} while (now_us() < end);
	fault("it does not come to rest: %s", text);
	return false;
}

static void go_on(void)
{
	int i;

	for (i = 0; i < attacker_count; i++)
		attacker_go(&attackers[i]);
	atomic_store(&most_rss, 0);
	atomic_store(&most_descriptors, 0);
	atomic_store(&most_threads, 0);
	atomic_store(&going, true);
}

/* Threads that end may need a moment, so what should be as it was the last time is waited for. */
static void look(struct rest *rest, const struct rest *last)
{
	int64_t end = now_us() + 5000000;
	struct measures m;

	do {
		pause_us(100000);
		measure(0, &m);
	} while (last != NULL && now_us() < end &&
		 (m.descriptors != last->descriptors || m.threads != last->threads));
	rest->rss_kib = m.rss_kib;
	rest->descriptors = m.descriptors;
	rest->threads = m.threads;
	rest->heap_kib = (long)(heap_bytes() / 1024);
	rest->most_rss_kib = atomic_load(&most_rss);
	rest->most_descriptors = atomic_load(&most_descriptors);
	rest->most_threads = atomic_load(&most_threads);
}

static void progress(const struct rest *rest)
{
	static int64_t last_cpu, last_time;
	struct server_counts server;
	struct client_counts client;
	struct measures m;
	int64_t now = now_us();

	measure(0, &m);
	server_counts(&server);
	client_counts(&client);
	printf("%02d:%02d %ld calls %ld connections %ld accepted, cpu %d %% | at rest: %.1f MiB, heap "
	       "%ld KiB, %ld descriptors, %ld threads | most: %.1f MiB, %ld, %ld | %ld faults\n",
	       (int)((now - begun) / 60000000), (int)((now - begun) / 1000000 % 60),
	       client.calls + client.async_calls + server.calls_made, client.connections,
	       server.accepted, (int)((m.cpu_us - last_cpu) * 100 / (now - last_time)),
	       (double)rest->rss_kib / 1024, rest->heap_kib, rest->descriptors, rest->threads,
	       (double)rest->most_rss_kib / 1024, rest->most_descriptors, rest->most_threads, faults());
	fflush(stdout);
	last_cpu = m.cpu_us;
	last_time = now;
}

/* ---- the judgement ---- */

static int order(const void *a, const void *b)
{
	long x = *(const long *)a, y = *(const long *)b;

	return (x > y) - (x < y);
}

/* Of a member of so many rests. */
static long median(const struct rest *from, int count, size_t member)
{
	long values[RESTS_MAX];
	int i;

	for (i = 0; i < count; i++)
		memcpy(&values[i], (const char *)&from[i] + member, sizeof(values[0]));
	qsort(values, (size_t)count, sizeof(values[0]), order);
	return values[count / 2];
}

static void flat(const char *what, size_t member, int percent, long kib)
{
	int warm = rest_count / 4, third = (rest_count - warm) / 3;
	long before = median(&rests[warm], third, member);
	long after = median(&rests[rest_count - third], third, member);

	verdict(after <= before + before * percent / 100 + kib, "%s: %ld KiB, then %ld KiB", what,
		before, after);
}

static void same(const char *what, size_t member)
{
	int warm = rest_count / 4, i, other = 0;
	long first = median(&rests[warm], 1, member);

	for (i = warm; i < rest_count; i++)
		other += median(&rests[i], 1, member) != first;
	verdict(other == 0, "%s: %ld, another number at %d of %d rests", what, first, other,
		rest_count - warm);
}

static void judge(void)
{
	struct server_counts server;
	struct client_counts client;
	long done = 0;
	int i;

	for (i = 0; i < attacker_count; i++) {
		done += attacker_rest(&attackers[i]);
		attacker_end(&attackers[i]);
	}
	server_counts(&server);
	client_counts(&client);
	verdict(faults() == 0, "%ld sync calls (%ld nested), %ld async ones, %ld of the server, "
		"%ld bursts of messages: %ld wrong", client.calls, client.nested,
		client.async_calls, server.calls_made, client.messages, faults());
	verdict(client.timed_out > 0 && client.cancelled > 0 && client.late_us < LATE_US,
		"%ld deadlines, the latest %ld ms late; %ld cancelled", client.timed_out,
		client.late_us / 1000, client.cancelled);
	verdict(client.connected > steady_count && client.disconnected > 0 && server.accepted > 0,
		"%ld connections came (%ld accepted, %ld given up)", client.connections,
		server.accepted, client.aborted);
	verdict(done > 0 && server.ioerrs > 0, "%ld steps of hostile peers, %ld errors told", done,
		server.ioerrs);
	same("descriptors at rest", offsetof(struct rest, descriptors));
	same("threads at rest", offsetof(struct rest, threads));
	flat("heap at rest", offsetof(struct rest, heap_kib), 3, 128);
	flat("resident at rest", offsetof(struct rest, rss_kib), 10, 4096);
	flat("most resident under load", offsetof(struct rest, most_rss_kib), 25, 8192);
}

int main(int argc, char **argv)
{
	double minutes = argc > 1 ? atof(argv[1]) : 0;
	int64_t end, period;
	int i;

	if (argc < 2 || argc > 3 || minutes <= 0) {
		fprintf(stderr, "usage: soak MINUTES [CERTS]\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	plain_places();
	if (argc == 3)
		tls_place(argv[2]);
	server_start_replier();
	for (i = 0; i < place_count * PER_PLACE; i++)
		client_connect(&steady[steady_count++], &places[i % place_count], WHO_STEADY);
	for (i = 0; i < THREADS; i++) {
		workers[i].random = (uint64_t)now_us() * 2654435761u + (uint64_t)i + 1;
		start(run_worker, &workers[i]);
	}
	start(run_canceller, NULL);
	start(run_watch, NULL);
	begun = now_us();
	end = begun + (int64_t)(minutes * 60e6);
	/* Twelve rests, or more; one in half a minute, unless that were too many to note. */
	period = (end - begun) / 12;
	if (period > 30000000)
		period = 30000000;
	if (period < (end - begun) / RESTS_MAX)
		period = (end - begun) / RESTS_MAX;
	while (now_us() < end && rest_count < RESTS_MAX) {
		go_on();
		pause_us(period);
		if (!come_to_rest())
			break;
		look(&rests[rest_count], rest_count > 0 ? &rests[rest_count - 1] : NULL);
		progress(&rests[rest_count++]);
	}
	verdict(rest_count >= 8, "%d rests in %d seconds", rest_count,
		(int)((now_us() - begun) / 1000000));
	if (rest_count >= 8)
		judge();
	return verdicts();
}
