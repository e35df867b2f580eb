/*
 * What the loops of a process's only set wait for, as the kernel tells of their
 * descriptors, and many connections to a set whose handlers keep the order.
 */
#ifndef LOOPS_H
#define LOOPS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE     /* sched_getaffinity */
#endif

#include "extra_rt.h"
#include "latency.h"

#include <dirent.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define UNUSED __attribute__((unused))

enum { LOOPS_MAX = 64, CONNS_MAX = 64 };

struct loops {
	int count;                      /* loops */
	int members[LOOPS_MAX];         /* the connections of each */
};

/* How many loops there can be: of as many dispatchers, on this machine. */
static int loops_for(int dispatchers)
{
	cpu_set_t cpus;
	int most;

	REQUIRE_EQ(sched_getaffinity(0, sizeof(cpus), &cpus), 0);
	most = CPU_COUNT(&cpus);
	return dispatchers < 1 ? 1 : dispatchers < most ? dispatchers : most;
}

static bool is_connection(int fd)
{
	struct stat st;
	socklen_t len = sizeof(int);
	int listens = 0;

	if (fstat(fd, &st) != 0 || !S_ISSOCK(st.st_mode))
		return false;
	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) == 0 && !listens;
}

/* Reads one epoll descriptor's list: what it waits for; -1 if that is no epoll. The
 * lowest number tells copies of one descriptor from another. */
static int members_of(int fd, int *lowest)
{
	char path[64], line[256];
	int member, members = 0;
	bool epoll = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	if (f == NULL)
		return -1;
	*lowest = -1;
	while (fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "tfd: %d", &member) != 1)
			continue;
		epoll = true;
		if (*lowest < 0 || member < *lowest)
			*lowest = member;
		members += is_connection(member);
	}
	fclose(f);
	return epoll ? members : -1;
}

static struct loops loops_now(void)
{
	struct loops all = { 0 };
	int lowest[LOOPS_MAX], low = -1, i, n;
	struct dirent *entry;
	DIR *dir = opendir("/proc/self/fd");

	REQUIRE(dir != NULL);
	while ((entry = readdir(dir)) != NULL) {
		n = entry->d_name[0] == '.' ? -1 : members_of(atoi(entry->d_name), &low);
		for (i = 0; i < all.count && lowest[i] != low; i++)
			;
		if (n < 0 || i < all.count)
			continue;
		REQUIRE(all.count < LOOPS_MAX);
		lowest[all.count] = low;
		all.members[all.count++] = n;
	}
	closedir(dir);
	return all;
}

/* How many loops have connections; the fewest and the most of one that has. */
UNUSED static int loops_used(int *fewest, int *most)
{
	struct loops now = loops_now();
	int i, used = 0;

	*fewest = CONNS_MAX + 1;
	*most = 0;
	for (i = 0; i < now.count; i++) {
		if (now.members[i] == 0)
			continue;
		used++;
		*fewest = now.members[i] < *fewest ? now.members[i] : *fewest;
		*most = now.members[i] > *most ? now.members[i] : *most;
	}
	return used;
}

/* ---- connections ---- */

struct many {
	struct mrpc_conn_set *set;
	struct mrpc_connection *conns[CONNS_MAX];
	struct probe probes[CONNS_MAX];
	int fds[CONNS_MAX];             /* the peers */
	long next[CONNS_MAX];           /* the number that comes next, there and back */
	int count;
};

static struct counter disorder = COUNTER_INIT;

/* Each number is one more than the last of its connection. */
UNUSED static void in_order(void *data, struct mrpc_message *msg, number *in)
{
	struct probe *p = data;
	long *seen = p->user;

	(void)msg;
	if (*in != (number)*seen)
		counter_add(&disorder, 1);
	(*seen)++;
}

/* Handlers that stay: how many, and whether they may return. */
static struct counter held = COUNTER_INIT, go_on = COUNTER_INIT;

UNUSED static mrpc_status_t hold(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	(void)in;
	counter_add(&held, 1);
	while (counter_get(&go_on) == 0)
		tap_pause();
	return MINIRPC_OK;
}

UNUSED static void many_set(struct many *m, int threads)
{
	memset(m, 0, sizeof(*m));
	counter_init(&disorder);
	REQUIRE_EQ(mrpc_conn_set_create(&m->set, test_server, NULL), 0);
	probe_watch(m->set);
	while (threads-- > 0)
		REQUIRE_EQ(mrpc_start_dispatch_thread(m->set), 0);
}

UNUSED static void many_connect(struct many *m, int count,
				const struct test_server_operations *ops, long *seen)
{
	struct probe *p;

	for (; m->count < count; m->count++) {
		p = &m->probes[m->count];
		probe_init(p);
		p->user = seen == NULL ? NULL : &seen[m->count];
		REQUIRE_EQ(mrpc_conn_create(&m->conns[m->count], m->set, p), 0);
		REQUIRE_EQ(test_server_set_operations(m->conns[m->count], ops), 0);
		m->fds[m->count] = peer_bind(m->conns[m->count]);
	}
}

/* Each connection answers. */
UNUSED static void many_serve(struct many *m)
{
	int i;

	for (i = 0; i < m->count; i++)
		peer_send(m->fds[i], 1, PENDING, nr_test_ping, NULL, 0);
	for (i = 0; i < m->count; i++)
		PEER_EXPECT(m->fds[i], 1, MINIRPC_OK, nr_test_ping, NULL, 0);
}

UNUSED static void many_close(struct many *m)
{
	int i;

	for (i = 0; i < m->count; i++) {
		close(m->fds[i]);
		COUNTER_WAIT(&m->probes[i].disconnects, 1);
		CHECK_EQ(counter_get(&m->probes[i].ioerrs), 0);
		mrpc_conn_unref(m->conns[i]);
	}
	mrpc_conn_set_unref(m->set);
	CHECK_EQ(counter_get(&disorder), 0);
}

#endif
