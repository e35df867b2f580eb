/* mrpc_conn_set_create: arguments, the result, references, the thread. */
/* PROTO: test.mx */
#include "harness.h"

#include <dirent.h>
#include <signal.h>
#include "test_client.h"
#include "test_server.h"

/* The signal masks of all threads but the caller, and-ed together. */
static uint64_t signals_blocked_elsewhere(int *threads)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *entry;
	uint64_t all = ~0ULL;
	char path[300], line[128];

	REQUIRE(dir != NULL);
	*threads = 0;
	while ((entry = readdir(dir)) != NULL) {
		FILE *f;

		if (entry->d_name[0] == '.' || atoi(entry->d_name) == getpid())
			continue;
		snprintf(path, sizeof(path), "/proc/self/task/%s/status", entry->d_name);
		f = fopen(path, "re");
		if (f == NULL)
			continue;
		while (fgets(line, sizeof(line), f) != NULL)
			if (strncmp(line, "SigBlk:", 7) == 0) {
				all &= strtoull(line + 7, NULL, 16);
				++*threads;
			}
		fclose(f);
	}
	closedir(dir);
	return all;
}

int main(void)
{
	struct mrpc_conn_set *set = (void *)&set, *other = NULL;
	sigset_t before, after;
	struct leaks leaks;
	uint64_t blocked;
	int threads, sig;

	leaks_begin(&leaks);

	SECTION("EINVAL if the result pointer or the protocol is NULL");
	CHECK_EQ(mrpc_conn_set_create(NULL, test_client, NULL), EINVAL);
	CHECK_EQ(mrpc_conn_set_create(NULL, NULL, NULL), EINVAL);
	CHECK_EQ(mrpc_conn_set_create(&set, NULL, NULL), EINVAL);

	SECTION("the result is set to NULL before anything can fail");
	CHECK_PTR(set, NULL);

	SECTION("sets of both roles");
	pthread_sigmask(SIG_SETMASK, NULL, &before);
	CHECK_EQ(mrpc_conn_set_create(&set, test_client, NULL), 0);
	CHECK(set != NULL);
	CHECK_EQ(mrpc_conn_set_create(&other, test_server, &threads), 0);
	CHECK(other != NULL);
	CHECK(other != set);

	SECTION("the background thread runs with signals blocked");
	WAIT_FOR(count_threads() > leaks.threads);
	blocked = signals_blocked_elsewhere(&threads);
	CHECK(threads > 0);
	for (sig = 1; sig < 65; sig++) {
		bool fault = sig == SIGSEGV || sig == SIGBUS || sig == SIGFPE ||
			sig == SIGILL || sig == SIGTRAP || sig == SIGABRT;

		/* 32 and 33 are the thread library's own, the last one valgrind's */
		bool theirs = sig == 32 || sig == 33 ||
			(sig == 64 && strcmp(test_mode(), "valgrind") == 0);

		if (!fault && sig != SIGKILL && sig != SIGSTOP && !theirs)
			CHECK_MSG(blocked >> (sig - 1) & 1, "signal %d is not blocked", sig);
	}

	SECTION("the creator's signal mask is as before");
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	for (sig = 1; sig < 65; sig++)
		CHECK_EQ(sigismember(&after, sig), sigismember(&before, sig));

	SECTION("a reference more, and one less, change nothing");
	mrpc_conn_set_ref(set);
	mrpc_conn_set_unref(set);
	CHECK_EQ(mrpc_set_max_buf_len(set, 100), 0);

	SECTION("the last reference ends both; nothing is left");
	mrpc_conn_set_unref(set);
	mrpc_conn_set_unref(other);
	LEAKS_CHECK(&leaks);

	SECTION("a hundred sets come and go");
	for (int i = 0; i < 100; i++) {
		REQUIRE_EQ(mrpc_conn_set_create(&set, i & 1 ? test_client : test_server, NULL), 0);
		mrpc_conn_set_unref(set);
	}
	LEAKS_CHECK(&leaks);
	return tap_done();
}
