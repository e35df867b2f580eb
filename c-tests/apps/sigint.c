/* PROTO: test.mx */
/* MODES: plain valgrind asan (the thread sanitizer does not interrupt who waits in a futex) */
/*
 * A SIGINT handler that calls mrpc_listen_close and mrpc_conn_set_unref while the
 * interrupted thread sits in mrpc_dispatch_loop, which then returns ENXIO: at
 * once, or when the last client has gone.
 */
#include "apps.h"
#include "accept.h"

enum { ROUNDS = 24 };

static struct mrpc_conn_set *set;
static volatile sig_atomic_t interrupts;
static int clients;
static char *port;
static int main_thread;
static int fd;

static const struct test_server_operations ops = { .ping = answer_ping };

static void interrupted(int sig)
{
	int saved = errno;

	(void)sig;
	mrpc_listen_close(set);
	mrpc_conn_set_unref(set);
	interrupts++;
	errno = saved;
}

/* Everything but the main thread; signals are blocked here. */
static void *others(void *arg)
{
	bool client_stays = *(bool *)arg;
	int i, other;

	for (i = 0; i < clients; i++) {
		other = peer_connect(port);
		peer_send(other, 1, PENDING, nr_test_ping, NULL, 0);
		PEER_EXPECT(other, 1, MINIRPC_OK, nr_test_ping, NULL, 0);
		close(other);
	}
	COUNTER_WAIT(&server_probe.disconnects, clients);
	if (client_stays) {
		fd = peer_connect(port);
		peer_send(fd, 1, PENDING, nr_test_ping, NULL, 0);
		PEER_EXPECT(fd, 1, MINIRPC_OK, nr_test_ping, NULL, 0);
	}
	WAIT_FOR(thread_sleeps(main_thread));
	kill(getpid(), SIGINT);
	if (client_stays) {
		WAIT_FOR(interrupts == 1);
		peer_send(fd, 2, PENDING, nr_test_ping, NULL, 0);
		PEER_EXPECT(fd, 2, MINIRPC_OK, nr_test_ping, NULL, 0);
		close(fd);
	}
	return NULL;
}

static void run(int round)
{
	struct sigaction action;
	struct leaks leaks;
	sigset_t signals, before;
	bool client_stays = round / 3 % 2;
	pthread_t thread;
	int i;

	leaks_begin(&leaks);
	interrupts = 0;
	clients = round % 4;
	port = NULL;
	memset(&action, 0, sizeof(action));
	action.sa_handler = interrupted;
	action.sa_flags = round & 1 ? SA_RESTART : 0;
	sigaction(SIGINT, &action, NULL);
	set = accept_open(accept_and_drop, &ops);
	REQUIRE_EQ(mrpc_listen(set, AF_INET, "127.0.0.1", &port), 0);
	for (i = 0; i < round % 3; i++)
		REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	mrpc_dispatcher_add(set);
	pthread_sigmask(SIG_BLOCK, &signals, &before);
	thread = thread_start(others, &client_stays);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	CHECK_EQ(mrpc_dispatch_loop(set), ENXIO);
	CHECK_EQ(interrupts, 1);
	mrpc_dispatcher_remove(set);
	thread_join(thread);
	CHECK_EQ(counter_get(&server_probe.disconnects), clients + client_stays);
	free(port);
	LEAKS_CHECK(&leaks);
}

int main(void)
{
	int round;

	main_thread = thread_number();
	for (round = 0; round < ROUNDS; round++) {
		SECTION("%d more dispatch threads, %d clients before, %s", round % 3, round % 4,
			round / 3 % 2 ? "one still there" : "none left");
		run(round);
	}
	return tap_done();
}
