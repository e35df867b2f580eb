/*
 * A server process under load that is told to end by SIGINT, whose handler calls
 * mrpc_listen_close and mrpc_conn_set_unref while mrpc_dispatch_loop is busy.
 * The server, the load and the test are processes: the test has no threads.
 */
#ifndef STORM_H
#define STORM_H

#include "apps.h"

#include <sys/mman.h>

enum storm {
	STORM_CONNECTS,         /* connections that are reset at once */
	STORM_REQUESTS,         /* from a few connections that stay */
	STORM_NONE              /* one connection, nothing to do */
};

/* What the processes of one round know of each other. */
struct shared {
	enum storm kind;
	int threads;            /* dispatch threads besides the one that is interrupted */
	char port[8];
	volatile long done;     /* connections made, or requests answered */
	volatile int interrupted;
};
static struct shared *storm;

static struct mrpc_conn_set *storm_set;
static const struct test_server_operations storm_ops = { .ping = answer_ping };

/* What the handler does; a test may put its own around it. */
static void storm_interrupt(void)
{
	mrpc_listen_close(storm_set);
	mrpc_conn_set_unref(storm_set);
}
static void (*storm_interrupted)(void) = storm_interrupt;

static void storm_on_signal(int sig)
{
	int saved = errno;

	(void)sig;
	storm_interrupted();
	storm->interrupted = 1;
	errno = saved;
}

static void *storm_accept(void *data, struct mrpc_connection *conn, struct sockaddr *from,
			  socklen_t len)
{
	(void)data;
	(void)from;
	(void)len;
	test_server_set_operations(conn, &storm_ops);
	mrpc_conn_unref(conn);
	return NULL;
}

/* Exit status 0: interrupted once, all ended as it should. */
static int storm_serve(void *arg)
{
	struct sigaction action;
	sigset_t unblocked;
	char *port = NULL;
	int i, result;

	(void)arg;
	memset(&action, 0, sizeof(action));
	action.sa_handler = storm_on_signal;
	if (mrpc_conn_set_create(&storm_set, test_server, NULL) != 0 ||
	    mrpc_set_accept_func(storm_set, storm_accept) != 0 ||
	    mrpc_set_listen_backlog(storm_set, 512) != 0 ||
	    sigaction(SIGINT, &action, NULL) != 0)
		return 2;
	for (i = 0; i < storm->threads; i++)
		if (mrpc_start_dispatch_thread(storm_set) != 0)
			return 2;
	mrpc_dispatcher_add(storm_set);
	if (mrpc_listen(storm_set, AF_INET, "127.0.0.1", &port) != 0)
		return 2;
	strcpy(storm->port, port);
	storm->done = 1;
	sigemptyset(&unblocked);
	sigprocmask(SIG_SETMASK, &unblocked, NULL);
	result = mrpc_dispatch_loop(storm_set);
	mrpc_dispatcher_remove(storm_set);
	free(port);
	return result == ENXIO && storm->interrupted ? 0 : 3;
}

static int storm_connect(void)
{
	struct sockaddr_in addr;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	memset(&addr, 0, sizeof(addr));
	addr.sin_family = AF_INET;
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	addr.sin_port = htons((uint16_t)atoi(storm->port));
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0)
		_exit(0);
	return fd;
}

/* Until nobody listens any more. */
static void storm_connects(void)
{
	struct linger reset = { 1, 0 };

	for (;;) {
		int fd = storm_connect();

		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(fd);
		storm->done++;
	}
}

/* Until the signal has been handled. */
static void storm_requests(void)
{
	char requests[4 * HEADER_LEN], sink[4096];
	int fds[8], i;
	ssize_t n;

	for (i = 0; i < 4; i++)
		peer_header(requests + i * HEADER_LEN, (uint32_t)i, PENDING, nr_test_ping, 0);
	for (i = 0; i < 8; i++)
		fds[i] = storm_connect();
	while (!storm->interrupted) {
		for (i = 0; i < 8; i++) {
			send(fds[i], requests, sizeof(requests), MSG_DONTWAIT | MSG_NOSIGNAL);
			n = recv(fds[i], sink, sizeof(sink), MSG_DONTWAIT);
			storm->done += n > 0 ? n / HEADER_LEN : 0;
		}
	}
}

static int storm_load(void *arg)
{
	char header[HEADER_LEN];
	int fd;

	(void)arg;
	if (storm->kind == STORM_CONNECTS) {
		storm_connects();
	} else if (storm->kind == STORM_REQUESTS) {
		storm_requests();
	} else {
		fd = storm_connect();
		peer_header(header, 1, PENDING, nr_test_ping, 0);
		peer_write(fd, header, sizeof(header));
		if (!peer_read(fd, header, sizeof(header)))
			return 1;
		storm->done += 1000000;
		while (!storm->interrupted)
			tap_pause();
	}
	return 0;
}

/* Interrupts the server when the load has come so far, and some cycles later. */
static bool storm_round(enum storm kind, int threads, long load, int cycles)
{
	pid_t server, client;
	sigset_t block, before;
	volatile int spin;
	bool ok;

	if (storm == NULL)
		storm = mmap(NULL, sizeof(*storm), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE(storm != MAP_FAILED);
	memset(storm, 0, sizeof(*storm));
	storm->kind = kind;
	storm->threads = threads;
	sigemptyset(&block);
	sigaddset(&block, SIGINT);
	REQUIRE_EQ(sigprocmask(SIG_BLOCK, &block, &before), 0);
	server = child_start(storm_serve, NULL);
	sigprocmask(SIG_SETMASK, &before, NULL);
	WAIT_FOR(storm->done > 0);
	client = child_start(storm_load, NULL);
	ok = WAIT_FOR(storm->done > load);
	for (spin = 0; spin < cycles; spin++)
		;
	kill(server, SIGINT);
	ok &= CHECK_EQ(child_wait(server), 0);
	storm->interrupted = 1;         /* for the load, if the server has not lived so long */
	ok &= CHECK_EQ(child_wait(client), 0);
	return ok;
}

#endif
