/* PROTO: test.mx */
/* MODES: plain (to memcheck, what threads hold that a child lacks is lost; AddressSanitizer's locks do not survive a fork) */
/*
 * Forks while many threads are inside the library, at any point of its work:
 * the child drops what it has, or makes its own, and never hangs on what the
 * other threads were doing; the parent's calls all succeed.
 */
#include "child.h"

enum { CALLERS = 4, FORKS = 40 };

static struct pair p;
static struct counter stop = COUNTER_INIT, calls = COUNTER_INIT;

static struct mrpc_message *kept;
static struct counter keeping = COUNTER_INIT, answered = COUNTER_INIT;

/* The first request is kept, for children to reply to in vain; the others are
 * replied to here, so that there are always some that wait. */
static mrpc_status_t later_void(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)in;
	if (kept == NULL) {
		kept = msg;
		counter_add(&keeping, 1);
	} else
		CHECK_EQ(test_later_void_send_async_reply(msg), MINIRPC_OK);
	return MINIRPC_PENDING;
}

static const struct test_server_operations ops = {
	.ping = answer_ping, .echo = answer_echo, .notify = server_notify,
	.later_void = later_void
};

static void on_kept(void *data, void *private, mrpc_status_t status)
{
	(void)data;
	(void)private;
	CHECK_EQ(status, 9);
	counter_add(&answered, 1);
}

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
		CHECK_EQ(test_later_void(p.client, &n), MINIRPC_OK);
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
	number n = 1;
	struct pair own;

	CHILD_REFUSED(test_ping(p.client));
	CHILD_REFUSED(test_later_void_send_async_reply(kept));
	CHILD_REFUSED(test_later_void_send_async_reply_error(kept, 5));
	if (i % 2 == 0) {
		mrpc_conn_close(p.client);
		mrpc_conn_close(p.server);
		mrpc_conn_unref(p.client);
		mrpc_conn_unref(p.server);
		mrpc_listen_close(p.server_set);
		mrpc_conn_set_unref(p.client_set);
		mrpc_conn_set_unref(p.server_set);
	}
	/* Sets of the child's own, to the end. */
	pair_open(&own, PAIR_SOCKETPAIR, test_client, test_server);
	CHILD_CHECK(test_server_set_operations(own.server, &ops) == 0);
	CHILD_CHECK(test_ping(own.client) == MINIRPC_OK);
	CHILD_CHECK(test_later_void(own.client, &n) == MINIRPC_OK);
	pair_close(&own);
}

int main(void)
{
	pthread_t threads[CALLERS + 1];
	struct leaks leaks;
	number n = 1;
	long before;
	pid_t child;
	int i;

	leaks_begin(&leaks);
	server_start(0);        /* the counters that the handlers use */
	pair_open(&p, PAIR_TCP, test_client, test_server);
	REQUIRE_EQ(mrpc_start_dispatch_thread(p.server_set), 0);
	REQUIRE_EQ(test_server_set_operations(p.server, &ops), 0);
	REQUIRE_EQ(test_later_void_async(p.client, on_kept, NULL, &n), MINIRPC_OK);
	COUNTER_WAIT(&keeping, 1);
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
	CHECK_EQ(test_later_void_send_async_reply_error(kept, 9), MINIRPC_OK);
	COUNTER_WAIT(&answered, 1);
	pair_close(&p);
	server_stop();
	LEAKS_CHECK(&leaks);
	return tap_done();
}
