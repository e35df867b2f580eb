/*
 * For bench/run --simulate: a server of many shards, with a dispatcher each. "shards one N" is
 * one set with N dispatchers, "shards many N" is N sets that know nothing of each other: what
 * they share, the process shares. Prints its pid, the address of `mark`, and a port a set.
 */
#define _GNU_SOURCE
#include "bench_server.h"

#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* In a line of its own: a store is a mark in the record of what memory is touched. */
static struct {
	_Alignas(64) volatile int32_t stored;
	char rest[60];
} mark;

static int shards;

/* What the library asks for, too: it makes no more loops than there are CPUs. */
int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set)
{
	(void)pid;
	CPU_ZERO_S(size, set);
	for (int i = 0; i < shards; i++)
		CPU_SET_S(i, size, set);
	return 0;
}

static void must(int error, const char *what)
{
	if (error) {
		fprintf(stderr, "FATAL %s: %s\n", what, error > 0 ? strerror(error) : mrpc_strerror(error));
		_exit(3);
	}
}

/* Negative numbers mark. */
static mrpc_status_t add(void *conn_data, struct mrpc_message *msg, num *in, num *out)
{
	(void)conn_data;
	(void)msg;
	if (*in < 0)
		mark.stored = *in;
	*out = *in + 1;
	return MINIRPC_OK;
}

static const struct bench_server_operations operations = { .add = add };

static void *accepted(void *set_data, struct mrpc_connection *conn, struct sockaddr *from,
	socklen_t from_len)
{
	(void)set_data;
	(void)from;
	(void)from_len;
	must(bench_server_set_operations(conn, &operations), "set_operations");
	return conn;
}

/* Its port. */
static int serve(int dispatchers)
{
	struct mrpc_conn_set *set;
	char *service = NULL;

	must(mrpc_conn_set_create(&set, bench_server, NULL), "mrpc_conn_set_create");
	must(mrpc_set_accept_func(set, accepted), "mrpc_set_accept_func");
	for (int i = 0; i < dispatchers; i++)
		must(mrpc_start_dispatch_thread(set), "mrpc_start_dispatch_thread");
	must(mrpc_listen(set, AF_INET, "127.0.0.1", &service), "mrpc_listen");
	return atoi(service);
}

int main(int argc, char **argv)
{
	int one = argc == 3 && !strcmp(argv[1], "one");

	shards = argc == 3 ? atoi(argv[2]) : 0;
	if (shards < 1 || (!one && strcmp(argv[1], "many"))) {
		fprintf(stderr, "usage: %s one|many N\n", argv[0]);
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(300); /* nothing outlives its run */
	printf("READY %d %lx", (int)getpid(), (unsigned long)(uintptr_t)&mark);
	for (int i = 0; i < (one ? 1 : shards); i++)
		printf(" %d", serve(one ? shards : 1));
	printf("\n");
	fflush(stdout);
	for (;;)
		pause();
}
