/*
 * host DISPATCHERS [CERTS]: a server in a process of its own, with TLS if there are certificates.
 * Commands come by the standard input, and each is acknowledged by a line:
 *
 *   set SETTING VALUE   see the table below      "set"
 *   listen [NAME]       on a port of 127.0.0.1, and a Unix socket of that name
 *                                                "port PORT"
 *   stats               see children.c           "stats ..."
 *
 * The end of the input is the end of the program: everything has to go then.
 */
#include "server.h"
#include "tls.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static int max_buf_len(struct mrpc_conn_set *set, long v) { return mrpc_set_max_buf_len(set, (unsigned)v); }
static int backlog(struct mrpc_conn_set *set, long v) { return mrpc_set_listen_backlog(set, (unsigned)v); }
static int loops(struct mrpc_conn_set *set, long v) { return mrpc_set_max_loops(set, (unsigned)v); }
static int connections(struct mrpc_conn_set *set, long v) { return mrpc_set_max_connections(set, (unsigned)v); }
static int memory(struct mrpc_conn_set *set, long v) { return mrpc_set_memory_limit(set, (size_t)v); }
static int linger(struct mrpc_conn_set *set, long v) { return mrpc_set_linger(set, (unsigned)v); }
static int idle(struct mrpc_conn_set *set, long v) { return mrpc_set_idle_timeout(set, (unsigned)v); }
static int requests(struct mrpc_conn_set *set, long v) { return mrpc_set_request_limit(set, (unsigned)v); }
static int replies(struct mrpc_conn_set *set, long v) { return mrpc_set_reply_limit(set, (size_t)v); }
static int handshake(struct mrpc_conn_set *set, long v) { return mrpc_set_connect_timeout(set, (unsigned)v); }
static int backoff(struct mrpc_conn_set *set, long v) { return mrpc_set_accept_backoff(set, (unsigned)v); }

/* Of the process: what it may have open. */
static int descriptors(UNUSED struct mrpc_conn_set *set, long v)
{
	struct rlimit limit = { (rlim_t)v, (rlim_t)v };

	return setrlimit(RLIMIT_NOFILE, &limit);
}

static const struct {
	const char *name;
	int (*set)(struct mrpc_conn_set *set, long value);
} settings[] = {
	{ "max_buf_len", max_buf_len }, { "backlog", backlog }, { "loops", loops },
	{ "connections", connections }, { "memory", memory }, { "linger", linger },
	{ "idle", idle }, { "requests", requests }, { "replies", replies },
	{ "handshake", handshake }, { "backoff", backoff }, { "descriptors", descriptors }
};

static void change(struct mrpc_conn_set *set, const char *name, long value)
{
	size_t i;

	for (i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		if (strcmp(name, settings[i].name) == 0) {
			MUST(settings[i].set(set, value));
			printf("set\n");
			return;
		}
	printf("no such setting: %s\n", name);
}

static void tell(struct mrpc_conn_set *set)
{
	static struct mrpc_set_stats s;
	struct server_counts counts;
	struct measures m;

	s.size = sizeof(s);
	MUST(mrpc_get_stats(set, &s));
	server_counts(&counts);
	measure(0, &m);
	printf("stats %ld %ld %ld %ld %ld %llu %llu %ld %ld %llu %llu %llu %llu\n", m.rss_kib,
	       (long)(heap_bytes() / 1024), m.descriptors, m.threads, (long)m.cpu_us,
	       (unsigned long long)s.connections, (unsigned long long)s.connections_max,
	       counts.accepted, counts.disconnected, (unsigned long long)s.reads_paused,
	       (unsigned long long)s.accepts_paused, (unsigned long long)s.calls_outstanding,
	       (unsigned long long)s.bytes_unsent);
}

int main(int argc, char **argv)
{
	struct mrpc_conn_set *set;
	char line[256], name[128];
	long value;

	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: host DISPATCHERS [CERTS]\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	set = server_new(atoi(argv[1]));
	server_start_replier();
	if (argc == 3)
		tls_for(set, argv[2], true);
	while (fgets(line, sizeof(line), stdin) != NULL) {
		*name = 0;
		if (sscanf(line, "set %127s %ld", name, &value) == 2) {
			change(set, name, value);
		} else if (strncmp(line, "listen", 6) == 0) {
			if (sscanf(line, "listen %127s", name) == 1)
				server_listen_unix(set, name);
			printf("port %d\n", server_listen(set));
		} else {
			tell(set);
		}
	}
	mrpc_listen_close(set);
	mrpc_drain(set, 100);
	mrpc_conn_set_unref(set);
	return faults() > 0;
}
