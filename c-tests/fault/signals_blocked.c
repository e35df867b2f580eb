/* PROTO: test.mx */
/* MODES: plain valgrind asan (the thread sanitizer has a thread of its own) */
/*
 * Threads of the library have all signals blocked, but for those of faults; so
 * the application's signals reach its own threads.
 */
#include "fault.h"

#include <dirent.h>

static volatile sig_atomic_t handled;
static pthread_t main_thread;

static void on_signal(int sig)
{
	(void)sig;
	if (pthread_equal(pthread_self(), main_thread))
		handled++;
}

/* How many threads there are besides the main one, and what is wrong with one of
 * their masks. A thread that has just been made blocks faults, too. */
static int other_threads(char *wrong, size_t len)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *entry;
	char path[300], line[128];
	int threads = 0, sig;

	REQUIRE(dir != NULL);
	wrong[0] = '\0';
	while ((entry = readdir(dir)) != NULL) {
		FILE *f;

		if (entry->d_name[0] == '.' || atoi(entry->d_name) == getpid())
			continue;
		snprintf(path, sizeof(path), "/proc/self/task/%s/status", entry->d_name);
		f = fopen(path, "re");
		if (f == NULL)
			continue;
		threads++;
		while (fgets(line, sizeof(line), f) != NULL) {
			uint64_t mask;

			if (strncmp(line, "SigBlk:", 7) != 0)
				continue;
			mask = strtoull(line + 7, NULL, 16);
			for (sig = 1; sig <= 64; sig++) {
				bool own = sig == SIGKILL || sig == SIGSTOP || sig == 32 || sig == 33;
				bool fault = sig == SIGSEGV || sig == SIGBUS || sig == SIGFPE ||
					sig == SIGILL || sig == SIGTRAP || sig == SIGABRT;

				/* valgrind keeps some to itself */
				if (own || ((fault || sig == 64) &&
					    strcmp(test_mode(), "valgrind") == 0))
					continue;
				if ((mask >> (sig - 1) & 1) == fault)
					snprintf(wrong, len, "signal %d is %sblocked", sig,
						 fault ? "" : "not ");
			}
		}
		fclose(f);
	}
	closedir(dir);
	return threads;
}

int main(void)
{
	struct leaks leaks;
	char wrong[64];
	struct pair p;
	int i;

	leaks_begin(&leaks);
	main_thread = pthread_self();
	signal(SIGUSR2, on_signal);
	pair_open(&p, PAIR_TCP, test_client, test_server);
	REQUIRE_EQ(mrpc_start_dispatch_thread(p.client_set), 0);
	CHECK_EQ(test_server_set_operations(p.server, &server_ops), 0);
	for (i = 0; i < 20; i++)
		CHECK_EQ(test_ping(p.client), MINIRPC_OK);

	SECTION("background and dispatch threads: all signals blocked, but faults");
	if (!WAIT_FOR(other_threads(wrong, sizeof(wrong)) == 5 && wrong[0] == '\0'))
		tap_note("%d threads; %s", other_threads(wrong, sizeof(wrong)), wrong);

	SECTION("a signal to the process reaches the application's thread");
	for (i = 1; i <= 50; i++) {
		REQUIRE_EQ(kill(getpid(), SIGUSR2), 0);
		WAIT_FOR(handled == i);
	}
	pair_close(&p);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
