/* PROTO: test.mx */
/*
 * Eight threads send and call on one connection while somebody closes it: the
 * client, the server, a handler, or the client's last references go too. Every
 * thread comes back with NETWORK_FAILURE, every accepted async call has had its
 * callback by the disconnect, and nothing is left.
 */
#include "destroy.h"

enum { THREADS = 8, ROUNDS = 160 };
enum closer { CLIENT, SERVER, HANDLER, CLIENT_AND_UNREF, CLOSERS };

static struct pair p;
static struct counter handled = COUNTER_INIT, callbacks = COUNTER_INIT, accepted = COUNTER_INIT;
static int until;
static enum closer closer;

static void one_more(void)
{
	if (counter_add(&handled, 1) == until && closer == HANDLER)
		CHECK_EQ(mrpc_conn_close(p.server), 0);
}

static mrpc_status_t get(void *data, struct mrpc_message *msg, number *out)
{
	(void)data;
	(void)msg;
	*out = 5;
	one_more();
	return MINIRPC_OK;
}

static void notify(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	(void)in;
	one_more();
}

static const struct test_server_operations ops = { .get = get, .notify = notify };

static void on_reply(void *data, void *private, mrpc_status_t status, number *reply)
{
	struct probe *probe = data;

	(void)private;
	CHECK(status == MINIRPC_OK || status == MINIRPC_NETWORK_FAILURE);
	CHECK_EQ(reply != NULL, status == MINIRPC_OK);
	CHECK_EQ(counter_get(&probe->disconnects), 0);
	counter_add(&callbacks, 1);
}

static void *fire(void *arg)
{
	int kind = (int)(intptr_t)arg % 3, sent = 0;
	mrpc_status_t status;
	number n = 1, *out = NULL;

	do {
		if (kind == 0) {
			status = test_get(p.client, &out);
			CHECK_EQ(out != NULL, status == MINIRPC_OK);
			free_number(out, 1);
		} else if (kind == 1) {
			status = test_get_async(p.client, on_reply, NULL);
			if (status == MINIRPC_OK && counter_add(&accepted, 1) % 200 == 0)
				tap_pause();    /* what is queued is sent before the end */
		} else {
			status = test_notify(p.client, &n);
			if (++sent % 200 == 0)
				tap_pause();
		}
	} while (status == MINIRPC_OK);
	CHECK_EQ(status, MINIRPC_NETWORK_FAILURE);
	mrpc_conn_unref(p.client);
	return NULL;
}

static void run(int round)
{
	pthread_t threads[THREADS];
	struct leaks leaks;
	int i;

	leaks_begin(&leaks);
	counter_init(&handled);
	counter_init(&callbacks);
	counter_init(&accepted);
	until = 1 + round * 7 % 100;
	pair_open(&p, round / CLOSERS % 2 ? PAIR_TCP : PAIR_SOCKETPAIR, test_client, test_server);
	REQUIRE_EQ(test_server_set_operations(p.server, &ops), 0);
	for (i = 0; i < THREADS; i++) {
		mrpc_conn_ref(p.client);        /* each thread's own */
		threads[i] = thread_start(fire, (void *)(intptr_t)i);
	}
	COUNTER_WAIT(&handled, until);
	if (closer == CLIENT || closer == CLIENT_AND_UNREF)
		CHECK_EQ(mrpc_conn_close(p.client), 0);
	else if (closer == SERVER)
		CHECK_EQ(mrpc_conn_close(p.server), 0);
	if (closer == CLIENT_AND_UNREF) {
		mrpc_conn_unref(p.client);
		mrpc_conn_set_unref(p.client_set);
	}
	for (i = 0; i < THREADS; i++)
		thread_join(threads[i]);
	COUNTER_WAIT(&p.client_probe.disconnects, 1);
	COUNTER_WAIT(&p.server_probe.disconnects, 1);
	CHECK_EQ(counter_get(&callbacks), counter_get(&accepted));
	if (closer == CLIENT_AND_UNREF) {
		p.client = NULL;
		p.client_set = NULL;
	}
	pair_unref(&p);
	LEAKS_CHECK(&leaks);
}

int main(void)
{
	static const char *const names[] = {
		"the client", "the server", "a handler", "the client, and drops all"
	};
	int i, round;
	bool slow = strcmp(test_mode(), "valgrind") == 0;

	for (i = 0; i < CLOSERS; i++) {
		closer = (enum closer)i;
		SECTION("closed by %s", names[i]);
		for (round = i; round < (slow ? ROUNDS / 8 : ROUNDS); round += CLOSERS)
			run(round);
	}
	return tap_done();
}
