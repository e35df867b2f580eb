/*
 * The program's main, and what peers need of it. Every option comes by
 * environment: BENCH_MS (length of the measured part), BENCH_CALLS (a fixed
 * number of calls instead, which the counting of system calls needs), and those
 * that the workloads name.
 */
#define _GNU_SOURCE
#include "measure.h"
#include "peer.h"
#include "workloads.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

long peer_option(const char *name, long otherwise)
{
	const char *s = getenv(name);

	return s && *s ? atol(s) : otherwise;
}

void peer_die(const char *what)
{
	fprintf(stderr, "FATAL %s (errno %d, %s)\n", what, errno, strerror(errno));
	_exit(3);
}

void peer_ready(int port)
{
	printf("READY %d %d\n", (int)getpid(), port);
	fflush(stdout);
}

static void no_delay(int fd)
{
	int one = 1;

	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one))
		peer_die("TCP_NODELAY");
}

static struct sockaddr_in loopback(int port)
{
	struct sockaddr_in a;

	memset(&a, 0, sizeof a);
	a.sin_family = AF_INET;
	a.sin_port = htons((uint16_t)port);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return a;
}

int peer_listen(int *port)
{
	struct sockaddr_in a = loopback(*port);
	socklen_t len = sizeof a;
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one))
		peer_die("socket");
	no_delay(fd); /* accepted sockets inherit it */
	if (bind(fd, (struct sockaddr *)&a, len) || listen(fd, 4096) ||
		getsockname(fd, (struct sockaddr *)&a, &len))
		peer_die("listen");
	*port = ntohs(a.sin_port);
	return fd;
}

int peer_connect(int port)
{
	struct sockaddr_in a = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		peer_die("socket");
	no_delay(fd);
	if (connect(fd, (struct sockaddr *)&a, sizeof a))
		peer_die("connect");
	return fd;
}

static int free_port(void)
{
	int port = 0;

	close(peer_listen(&port));
	return port;
}

static const struct {
	const char *name;
	void (*run)(int port, const char *wl);
} workloads[] = {
	{ "w1", run_latency }, { "pause", run_latency }, { "w2", run_pipeline },
	{ "w3", run_callers }, { "w3s", run_callers },   { "w4", run_bulk },
	{ "w4at", run_places }, { "w5", run_idle },    { "w6", run_messages },   { "w7", run_records },
	{ "w8", run_numbers }, { "fair", run_fairness }, { "early", run_early },
	{ "late", run_late },
};

static void client(const char *wl, int port, pid_t server)
{
	measure_processes(getpid(), server);
	for (size_t i = 0; i < sizeof workloads / sizeof *workloads; i++)
		if (!strcmp(wl, workloads[i].name)) {
			workloads[i].run(port, wl);
			_exit(0); /* no tearing down in the measured process */
		}
	peer_die("unknown workload");
}

/* As many descriptors as W5 wants, or as are allowed. */
static void raise_limit(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files))
		return;
	if (files.rlim_max < 1 << 15) {
		struct rlimit more = { 1 << 15, 1 << 15 };

		if (setrlimit(RLIMIT_NOFILE, &more) == 0)
			return;
	}
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

int main(int argc, char **argv)
{
	if (argc < 3 || (strcmp(argv[1], "server") && argc < 5)) {
		fprintf(stderr, "usage: %s server WL | client WL PORT SERVER_PID\n", argv[0]);
		return 2;
	}
	raise_limit();
	signal(SIGPIPE, SIG_IGN); /* the peers', not this library's, need it */
	alarm((unsigned)peer_option("BENCH_ALARM", 60)); /* nothing outlives its run */
	if (!strcmp(argv[1], "server")) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		peer_server(free_port(), argv[2]);
		return 0;
	}
	client(argv[2], atoi(argv[3]), atoi(argv[4]));
}
