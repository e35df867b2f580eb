/* PROTO: test.mx */
/* MODES: plain asan (to memcheck, all that threads hold that a child lacks is lost) */
/*
 * Forks while many threads are inside the library, at any point of its work:
 * the child drops what it has, or makes its own, and never hangs on what the
 * other threads were doing; the parent's calls all succeed.
 */
#include "child.h"

enum { CALLERS = 4, FORKS = 40 };

static struct pair p;
static struct counter stop = COUNTER_INIT, calls = COUNTER_INIT;

static void *caller(void *arg)
{
	static char payload[3000];
	blob b = { sizeof(payload), payload }, *out;
	number n = 1;

	(void)arg;
	while (counter_get(&stop) == 0) {
		CHECK_EQ(test_echo(p.client, &b, &out), MINIRPC_OK);
		free_blob(out, 1);
		CHECK_EQ(test_notify(p.client, &n), MINIRPC_OK);
		counter_add(&calls, 1);
	}
	return NULL;
}

/* Sets, connections and listeners that come and go. */
static void *churn(void *arg)
{
	(void)arg;
	while (counter_get(&stop) == 0) {
		struct pair q;

		pair_open(&q, PAIR_SOCKETPAIR, test_client, test_server);
		REQUIRE_EQ(test_server_set_operations(q.server, &server_ops), 0);
		CHECK_EQ(test_ping(q.client), MINIRPC_OK);
		pair_close(&q);
	}
	return NULL;
}

static void in_child(int i)
{
	struct mrpc_conn_set *set = NULL;
	struct mrpc_connection *conn = NULL;
	int fds[2];

	CHILD_REFUSED(test_ping(p.client));
	if (i % 2 == 0) {
		mrpc_conn_close(p.client);
		mrpc_conn_close(p.server);
		mrpc_conn_unref(p.client);
		mrpc_conn_unref(p.server);
		mrpc_listen_close(p.server_set);
		mrpc_conn_set_unref(p.client_set);
		mrpc_conn_set_unref(p.server_set);
	}
	/* One of the child's own, to the end. */
	CHILD_CHECK(mrpc_conn_set_create(&set, test_client, NULL) == 0);
	CHILD_CHECK(mrpc_start_dispatch_thread(set) == 0);
	CHILD_CHECK(mrpc_conn_create(&conn, set, NULL) == 0);
	CHILD_CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
	CHILD_CHECK(mrpc_bind_fd(conn, fds[0]) == 0);
	close(fds[1]);
	CHILD_CHECK(test_ping(conn) == MINIRPC_NETWORK_FAILURE);
	mrpc_conn_unref(conn);
	mrpc_conn_set_unref(set);
}

int main(void)
{
	pthread_t threads[CALLERS + 1];
	struct leaks leaks;
	long before;
	pid_t child;
	int i;

	leaks_begin(&leaks);
	server_start(0);        /* the counters that the handlers use */
	pair_open(&p, PAIR_TCP, test_client, test_server);
	REQUIRE_EQ(mrpc_start_dispatch_thread(p.server_set), 0);
	REQUIRE_EQ(test_server_set_operations(p.server, &server_ops), 0);
	SECTION("%d forks while %d threads work", FORKS, CALLERS + 1);
	for (i = 0; i < CALLERS; i++)
		threads[i] = thread_start(caller, NULL);
	threads[CALLERS] = thread_start(churn, NULL);
	COUNTER_WAIT(&calls, 20);
	for (i = 0; i < FORKS; i++) {
		child = child_fork();
		if (child == 0) {
			in_child(i);
			child_exit();
		}
		CHILD_WAIT(child);
	}
	before = counter_get(&calls);
	COUNTER_WAIT(&calls, before + 20);
	counter_add(&stop, 1);
	for (i = 0; i <= CALLERS; i++)
		thread_join(threads[i]);
	pair_close(&p);
	server_stop();
	LEAKS_CHECK(&leaks);
	return tap_done();
}
