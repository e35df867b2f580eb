/* PROTO: test.mx */
/* MODES: plain asan (what other threads hold at exit is no leak) */
/*
 * exit(0) with the library's threads alive and at work: from the main thread,
 * from another one, from a handler in a dispatch thread and in the main thread's
 * loop, from the disconnect callback. The process ends, at once, with status 0.
 */
#include "apps.h"

enum how { MAIN_IDLE, MAIN_BUSY, THREAD, HANDLER, LOOP_HANDLER, DISCONNECT, HOWS };
static const char *const names[] = {
	"the main thread, all idle", "the main thread, all busy", "another thread",
	"a handler in a dispatch thread", "a handler in mrpc_dispatch_loop",
	"the disconnect callback"
};

enum { THREADS = 4, ROUNDS = 8 };

static struct pair p;
static struct counter calls = COUNTER_INIT;


static mrpc_status_t ping(void *data, struct mrpc_message *msg)
{
	(void)data;
	(void)msg;
	counter_add(&calls, 1);
	return MINIRPC_OK;
}

static void poke(void *data, struct mrpc_message *msg)
{
	(void)data;
	(void)msg;
	exit(0);
}

static const struct test_server_operations ops = { .ping = ping, .poke = poke };

static void replied(void *data, void *private, mrpc_status_t status)
{
	(void)data;
	(void)private;
	(void)status;
}

static void *call(void *arg)
{
	(void)arg;
	for (;;) {
		test_ping(p.client);
		test_ping_async(p.client, replied, NULL);
	}
	return NULL;
}

static void *exits(void *arg)
{
	(void)arg;
	COUNTER_WAIT(&calls, 100);
	exit(0);
	return NULL;
}

static void disconnected(void *data, enum mrpc_disc_reason reason)
{
	(void)data;
	(void)reason;
	exit(0);
}

/* What an application's own exit handler may still do. */
static void at_exit(void)
{
	mrpc_conn_close(p.client);
	mrpc_conn_unref(p.client);
}

static int run(void *arg)
{
	enum how how = *(enum how *)arg;
	int i;

	pair_open(&p, PAIR_TCP | (how == LOOP_HANDLER ? PAIR_NO_SERVER_DISPATCH : 0), test_client,
		  test_server);
	REQUIRE_EQ(test_server_set_operations(p.server, &ops), 0);
	REQUIRE_EQ(mrpc_set_disconnect_func(p.server_set, disconnected), 0);
	if (how != DISCONNECT)
		atexit(at_exit);
	for (i = 0; i < THREADS && how != MAIN_IDLE; i++) {
		mrpc_conn_ref(p.client);        /* the thread's */
		thread_start(call, NULL);
	}
	switch (how) {
	case MAIN_BUSY:
		COUNTER_WAIT(&calls, 100);
		break;
	case THREAD:
		thread_start(exits, NULL);
		pause();
		break;
	case HANDLER:
		COUNTER_WAIT(&calls, 100);
		test_poke(p.client);
		pause();
		break;
	case LOOP_HANDLER:
		test_poke(p.client);
		mrpc_dispatcher_add(p.server_set);
		mrpc_dispatch_loop(p.server_set);
		break;
	case DISCONNECT:
		COUNTER_WAIT(&calls, 100);
		mrpc_conn_close(p.client);
		pause();
		break;
	default:
		break;
	}
	exit(0);
}

int main(void)
{
	int i, round;
	enum how how;

	for (i = 0; i < HOWS; i++) {
		how = (enum how)i;
		SECTION("from %s", names[i]);
		for (round = 0; round < ROUNDS; round++)
			if (!CHECK_EQ(child_wait(child_start(run, &how)), 0))
				break;
	}
	return tap_done();
}
