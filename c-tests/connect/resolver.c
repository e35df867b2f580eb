/*
 * A name server that stays silent: the timeout ends the call, the thread that asks goes on
 * by itself, even when the set has gone, and there are 16 of them at most. Numbers need none.
 */
/* PROTO: test.mx */
/* NEEDS: additions */
/* TIMEOUT: 60 */
#define _GNU_SOURCE
#include "network.h"

#include <dirent.h>
#include <signal.h>

enum { LIMIT = 200, TARDY = 5000, CALLERS = 24, MOST = 16 };

static struct mrpc_conn_set *set;
static struct counter returned = COUNTER_INIT;

static void *call(void *arg)
{
	(void)arg;
	CHECK_EQ(visit(set, AF_INET, "no.such.name.", "1"), ETIMEDOUT);
	counter_add(&returned, 1);
	return NULL;
}

/* The threads that resolve names block all signals but those of faults; how many there are. */
static int resolvers_block_signals(void)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *entry;
	char path[300], line[128];
	int threads = 0;

	REQUIRE(dir != NULL);
	while ((entry = readdir(dir)) != NULL) {
		bool resolver = false;
		FILE *f;

		snprintf(path, sizeof(path), "/proc/self/task/%s/status", entry->d_name);
		f = entry->d_name[0] == '.' ? NULL : fopen(path, "re");
		while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
			resolver |= strncmp(line, "Name:", 5) == 0 && strstr(line, "minirpc-dns");
			if (resolver && strncmp(line, "SigBlk:", 7) == 0) {
				uint64_t mask = strtoull(line + 7, NULL, 16);

				CHECK(mask >> (SIGTERM - 1) & 1);
				CHECK(mask >> (SIGINT - 1) & 1);
				CHECK(mask >> (SIGUSR1 - 1) & 1);
				threads++;
			}
		}
		if (f != NULL)
			fclose(f);
	}
	closedir(dir);
	return threads;
}

/* UDP, port 53: takes questions, and answers none. */
static int silent_server(void)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(53) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	REQUIRE_EQ(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

int main(void)
{
	pthread_t threads[CALLERS];
	struct mrpc_connection *conn;
	struct place place;
	struct probe probe;
	struct leaks leaks;
	char *port = NULL, byte;
	int64_t start, took;
	int server, before, i, most = 0;

	network_open("127.0.0.1 localhost\n");
	if (!netns_file("/etc/resolv.conf",
			"nameserver 127.0.0.1\noptions timeout:2 attempts:1\n") ||
	    !netns_file("/etc/nsswitch.conf", "hosts: files dns\n"))
		tap_skip("no mounts of our own");
	server = silent_server();
	leaks_begin(&leaks);
	place_open(&place);
	REQUIRE_EQ(mrpc_listen(place.set, AF_INET, "127.0.0.1", &port), 0);
	set = client_open();
	probe_init(&probe);
	before = count_threads();

	SECTION("numbers and NULL need no thread");
	REQUIRE_EQ(mrpc_set_connect_timeout(set, 1000 * 1000), 0);
	CHECK_EQ(visit(set, AF_INET, "127.0.0.1", port), 0);
	CHECK_EQ(visit(set, AF_INET, NULL, port), 0);
	CHECK_EQ(count_threads(), before);

	SECTION("ETIMEDOUT, not early and in time");
	REQUIRE_EQ(mrpc_set_connect_timeout(set, LIMIT), 0);
	REQUIRE_EQ(mrpc_conn_create(&conn, set, &probe), 0);
	start = now_ms();
	CHECK_EQ(mrpc_connect(conn, AF_INET, "no.such.name.", port), ETIMEDOUT);
	took = now_ms() - start;
	CHECK_MSG(took >= LIMIT && took <= scaled(TARDY), "after %lld ms", (long long)took);
	error_is(conn, "no.such.name.: no connection within 200 ms");

	SECTION("the server was asked, and the thread is still there; others connect");
	CHECK_EQ(recv(server, &byte, 1, 0), 1);
	CHECK(count_threads() > before);
	WAIT_FOR(resolvers_block_signals() == 1);
	CHECK_EQ(mrpc_connect(conn, AF_INET, "127.0.0.1", port), 0);
	use(conn);
	CHECK_EQ(mrpc_conn_close(conn), 0);
	COUNTER_WAIT(&probe.disconnects, 1);
	mrpc_conn_unref(conn);

	SECTION("16 threads at most; the others wait for one");
	WAIT_FOR(count_threads() == before);
	for (i = 0; i < CALLERS; i++)
		threads[i] = thread_start(call, NULL);
	while (counter_get(&returned) < CALLERS) {
		int now = count_threads() - before - CALLERS;

		if (now > most)
			most = now;
		tap_pause();
	}
	for (i = 0; i < CALLERS; i++)
		thread_join(threads[i]);
	tap_note("%d resolvers", count_threads() - before);
	CHECK(most <= MOST);
	CHECK(count_threads() - before <= MOST);

	SECTION("and names are resolved again afterwards");
	REQUIRE_EQ(mrpc_set_connect_timeout(set, 1000 * 1000), 0);
	CHECK_EQ(visit(set, AF_INET, "localhost", port), 0);

	SECTION("a thread outlives its set, and ends");
	REQUIRE_EQ(mrpc_set_connect_timeout(set, 1), 0);
	CHECK_EQ(visit(set, AF_INET, "no.such.name.", port), ETIMEDOUT);
	place_close(&place);
	mrpc_conn_set_unref(set);
	free(port);
	LEAKS_CHECK(&leaks);
	close(server);
	return tap_done();
}
