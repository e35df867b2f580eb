/* PROTO: test.mx */
/* NEEDS: additions */
/* TIMEOUT: 60 */
/*
 * Calls that are cancelled while their replies arrive: each ends once, with what the canceller
 * was told.
 */
#include "timeouts.h"

enum { ROUNDS = 2000 };

static struct pair p;
static struct counter called = COUNTER_INIT;
static mrpc_status_t got;
static mrpc_call_t key;
static struct counter turns = COUNTER_INIT, cancels = COUNTER_INIT;
static int told;

static mrpc_status_t get(void *data, struct mrpc_message *msg, number *out)
{
	(void)data;
	(void)msg;
	*out = 4;
	return MINIRPC_OK;
}

static const struct test_server_operations ops = { .get = get };

static void on_get(void *data, void *private, mrpc_status_t status, number *reply)
{
	(void)data;
	(void)private;
	CHECK_EQ(reply != NULL, status == MINIRPC_OK);
	got = status;
	counter_add(&called, 1);
}

static void *canceller(void *arg)
{
	int i, spin;
	mrpc_call_t call;

	(void)arg;
	for (i = 1; i <= ROUNDS; i++) {
		COUNTER_WAIT(&turns, i);
		while ((call = __atomic_load_n(&key, __ATOMIC_ACQUIRE)) == 0)
			;
		for (spin = i * 37 % 4000; spin > 0; spin--)
			__asm__ volatile("");
		told = mrpc_call_cancel(p.client, call);
		counter_add(&cancels, 1);
	}
	return NULL;
}

static void round_of(int i, bool sync)
{
	struct mrpc_call_options o = with(0, &key);
	number *out = NULL;

	__atomic_store_n(&key, 0, __ATOMIC_RELEASE);
	counter_add(&turns, 1);
	if (sync) {
		got = test_get_with(p.client, &o, &out);
		CHECK_EQ(out != NULL, got == MINIRPC_OK);
		free_number(out, 1);
	} else {
		CHECK_EQ(test_get_async_with(p.client, &o, on_get, NULL), MINIRPC_OK);
		COUNTER_WAIT(&called, i / 2);
	}
	COUNTER_WAIT(&cancels, i);
	CHECK_EQ(got, told == 0 ? CANCELLED : MINIRPC_OK);
	CHECK(told == 0 || told == ENOENT);
}

int main(void)
{
	struct leaks leaks;
	pthread_t thread;
	int i, cancelled = 0;

	leaks_begin(&leaks);
	SECTION("%d calls, sync and async", ROUNDS);
	pair_open(&p, PAIR_TCP, test_client, test_server);
	REQUIRE_EQ(test_server_set_operations(p.server, &ops), 0);
	thread = thread_start(canceller, NULL);
	for (i = 1; i <= ROUNDS; i++) {
		round_of(i, i % 2);
		cancelled += told == 0;
	}
	thread_join(thread);
	tap_note("%d of them cancelled", cancelled);
	CHECK_EQ(counter_get(&called), ROUNDS / 2);
	CHECK_EQ(counter_get(&p.client_probe.ioerrs), 0);
	pair_close(&p);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
