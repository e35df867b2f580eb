/*
 * For bench/run --simulate: many shards. "shards one N" is a server with N dispatchers in one
 * set, "shards many N" has N sets with one each that know nothing of each other: what they share,
 * the process shares. "shards calls N PORT" is a client with N threads that make sync calls on a
 * connection each, in one set. Prints its pid, the address of `own`, and a port a set.
 */
#define _GNU_SOURCE
#include "bench_client.h"
#include "bench_server.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Two cache lines of its own, which do not count. A store to the first word is a mark in the
 * record of what memory is touched. */
static struct {
	_Alignas(64) volatile int32_t mark;
	int calls; /* of each caller, between the barriers */
	pthread_barrier_t begin, end;
} own;

_Static_assert(sizeof own == 128, "simulate.py leaves out two lines");

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
		own.mark = *in;
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

static void *caller(void *conn)
{
	for (;;) {
		pthread_barrier_wait(&own.begin);
		for (num in = 0; in < own.calls; in++) {
			num *out;

			must(bench_add(conn, &in, &out), "add");
			free(out);
		}
		pthread_barrier_wait(&own.end);
	}
	return NULL;
}

static void start_callers(const char *port)
{
	struct mrpc_conn_set *set;

	pthread_barrier_init(&own.begin, NULL, (unsigned)shards + 1);
	pthread_barrier_init(&own.end, NULL, (unsigned)shards + 1);
	must(mrpc_conn_set_create(&set, bench_client, NULL), "mrpc_conn_set_create");
	for (int i = 0; i < shards; i++) {
		struct mrpc_connection *conn;
		pthread_t t;

		must(mrpc_conn_create(&conn, set, NULL), "mrpc_conn_create");
		must(mrpc_connect(conn, AF_INET, "127.0.0.1", port), "mrpc_connect");
		must(pthread_create(&t, NULL, caller, conn), "pthread_create");
	}
}

/* Each line asks for so many calls of each caller; 0 marks. */
static void obey(void)
{
	while (scanf("%d", &own.calls) == 1) {
		if (own.calls == 0) {
			own.mark = -1;
		} else {
			pthread_barrier_wait(&own.begin);
			pthread_barrier_wait(&own.end);
		}
		puts("done");
		fflush(stdout);
	}
}

int main(int argc, char **argv)
{
	int one = argc == 3 && !strcmp(argv[1], "one"), client = argc == 4 && !strcmp(argv[1], "calls");

	shards = argc >= 3 ? atoi(argv[2]) : 0;
	if (shards < 1 || (!one && !client && (argc != 3 || strcmp(argv[1], "many")))) {
		fprintf(stderr, "usage: %s one|many N | calls N PORT\n", argv[0]);
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(300); /* nothing outlives its run */
	if (client)
		start_callers(argv[3]);
	printf("READY %d %lx", (int)getpid(), (unsigned long)(uintptr_t)&own);
	for (int i = 0; !client && i < (one ? 1 : shards); i++)
		printf(" %d", serve(one ? shards : 1));
	printf("\n");
	fflush(stdout);
	if (client)
		obey();
	for (;;)
		pause();
}
