/*
 * late: how late sync calls, and attempts to connect, end whose time is up, where something is in
 * the way. BENCH_LATE says what: a peer that is "frozen" (SIGSTOP), a socket that is "full" as
 * well, a "resolver" that stays silent; else nothing is.
 */
#define _GNU_SOURCE
#include "workloads.h"

#include "measure.h"
#include "peer.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROUNDS = 300, FIRST_MS = 2, TIMES = 9, FILL_MS = 50, FILL = 64 << 20 };

/* Puts a file of our own in the place of one of the system's. */
static void replace(const char *path, const char *content)
{
	char own[] = "/tmp/bench-late-XXXXXX";
	int fd = mkstemp(own);

	if (fd < 0 || write(fd, content, strlen(content)) < 0 || mount(own, path, "none", MS_BIND, NULL))
		peer_die(path);
	close(fd);
	unlink(own);
}

/* A network of our own, whose one name server takes questions and answers none. While there is
 * one thread only. */
static void silence_resolver(void)
{
	struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(53) };
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd;

	if (unshare(CLONE_NEWNET | CLONE_NEWNS) && unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS))
		peer_die("no namespaces for this user");
	here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &lo) || bind(fd, (struct sockaddr *)&here, sizeof here) ||
		mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL))
		peer_die("a network of our own");
	replace("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n");
	replace("/etc/nsswitch.conf", "hosts: files dns\n");
}

/* A signal is only on its way when kill returns: what is called next could still be answered. */
static void stop(pid_t pid)
{
	char path[32], state = 0;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	if (kill(pid, SIGSTOP))
		peer_die("SIGSTOP");
	while (state != 'T') {
		FILE *f = fopen(path, "re");

		if (f == NULL || fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
			peer_die(path);
		fclose(f);
		usleep(100);
	}
}

void run_late(int port, const char *wl)
{
	const char *what = getenv("BENCH_LATE");
	struct latencies late;
	struct snapshot a, b;
	void *conn = NULL;
	int resolver;

	what = what ? what : "";
	resolver = !strcmp(what, "resolver");
	if (resolver ? !peer_unresolved : !peer_held || !peer_fill)
		peer_die("no such workload here");
	if (resolver)
		silence_resolver();
	else
		conn = peer_open(port, wl);
	if (*what && !resolver)
		stop(process_id(SERVER));
	if (!strcmp(what, "full"))
		peer_fill(conn, FILL, FILL_MS);
	latencies_init(&late, ROUNDS);
	snapshot_start(&a);
	for (int i = 0; i < ROUNDS; i++) {
		unsigned ms = FIRST_MS + (unsigned)i % TIMES;
		uint64_t start = now_ns(), took;

		if (resolver)
			peer_unresolved("no.such.name.", ms);
		else
			peer_held(conn, ms);
		took = now_ns() - start;
		if (took < ms * 1000000ull)
			peer_die("it ended early");
		latencies_add(&late, took - ms * 1000000ull);
	}
	snapshot_end(&b);
	if (*what && !resolver)
		kill(process_id(SERVER), SIGCONT);
	report(&a, &b, ROUNDS, &late, "");
}
