/* PROTO: test.mx */
/* LIBS: -ldl */
/* TIMEOUT: 900 */
/*
 * Everything at once, at random: sync calls, nested ones, bursts of async calls
 * and of messages, slow handlers, kept requests, events stopped and released,
 * connections that are closed and made anew. Every operation ends, soon, and
 * with the right result. First all callers at once; then a few, who wait for
 * each other after every operation: where nothing else goes on, no later event
 * makes good what a lost wake-up did. STRESS_SECONDS (2) for each,
 * STRESS_DISPATCHERS (2) for each set, STRESS_SEED; see make check-stress, which
 * runs it on a library with random delays, and without the tick.
 */
#include "extra_rt.h"

#include <dlfcn.h>
#include <stdatomic.h>

enum { CONNS = 6, CALLERS = 10, FEW = 3, BURST = 200, MESSAGES = 300, STUCK_MS = 8000 };

struct link {
	struct mrpc_connection *client, *server;
	pthread_rwlock_t gone;          /* held for reading while it is used */
	atomic_long notified, events;
	struct counter ended;           /* its two connections */
};

struct caller {
	pthread_t thread;
	uint64_t random;
	_Atomic int64_t since;          /* when its operation began; 0: none */
	const char *_Atomic doing;
	atomic_long operations;
};

struct burst {
	struct counter ended;
	atomic_int wrong;
};

static struct link links[CONNS];
static struct caller callers[CALLERS];
static struct mrpc_conn_set *client_set, *server_set;
static atomic_bool stop, last_round;
static pthread_barrier_t round_end;
static atomic_long connections;

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* ---- the server's end; conn_data is the link ---- */

/* Slow, and not in order. */
static mrpc_status_t get(void *data, struct mrpc_message *msg, number *out)
{
	(void)data;
	(void)msg;
	mrpc_release_event();
	usleep(1000 + (useconds_t)(now_ms() % 3) * 1000);
	*out = 4711;
	return MINIRPC_OK;
}

/* Asks back, on the same connection. */
static mrpc_status_t relay(void *data, struct mrpc_message *msg, number *in, number *out)
{
	struct link *link = data;
	operands sum = { *in, 1 };
	number *got = NULL;
	mrpc_status_t status;

	(void)msg;
	status = test_client_add(link->server, &sum, &got);
	if (status == MINIRPC_OK)
		*out = *got;
	free_number(got, 1);
	return status;
}

static void *reply_later(void *arg)
{
	number result = 12;
	mrpc_status_t status = test_later_send_async_reply(arg, &result);

	CHECK(status == MINIRPC_OK || status == MINIRPC_NETWORK_FAILURE);
	return NULL;
}

static mrpc_status_t later(void *data, struct mrpc_message *msg, number *in, number *out)
{
	pthread_t thread;

	(void)data;
	(void)in;
	(void)out;
	thread = thread_start(reply_later, msg);
	pthread_detach(thread);
	return MINIRPC_PENDING;
}

/* Each message is answered by one. */
static void notify(void *data, struct mrpc_message *msg, number *in)
{
	struct link *link = data;

	(void)msg;
	atomic_fetch_add(&link->notified, 1);
	test_event(link->server, in);
}

static void event(void *data, struct mrpc_message *msg, number *in)
{
	struct link *link = data;

	(void)msg;
	(void)in;
	atomic_fetch_add(&link->events, 1);
}

static const struct test_server_operations server_ops = {
	.add = answer_add, .echo = answer_echo, .get = get, .relay = relay, .later = later,
	.notify = notify
};
static const struct test_client_operations client_ops = {
	.client_add = answer_add, .event = event
};

static void on_disconnect(void *data, enum mrpc_disc_reason reason)
{
	struct link *link = data;

	(void)reason;
	counter_add(&link->ended, 1);
}

static void connect_link(struct link *link)
{
	int fds[2];

	REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	REQUIRE_EQ(mrpc_conn_create(&link->client, client_set, link), 0);
	REQUIRE_EQ(mrpc_conn_create(&link->server, server_set, link), 0);
	REQUIRE_EQ(test_client_set_operations(link->client, &client_ops), 0);
	REQUIRE_EQ(test_server_set_operations(link->server, &server_ops), 0);
	counter_init(&link->ended);
	atomic_store(&link->notified, 0);
	atomic_store(&link->events, 0);
	REQUIRE_EQ(mrpc_bind_fd(link->client, fds[0]), 0);
	REQUIRE_EQ(mrpc_bind_fd(link->server, fds[1]), 0);
	atomic_fetch_add(&connections, 1);
}

static void disconnect_link(struct link *link)
{
	CHECK_EQ(mrpc_conn_close(link->client), 0);
	COUNTER_WAIT(&link->ended, 2);
	mrpc_conn_unref(link->client);
	mrpc_conn_unref(link->server);
}

/* ---- the callers ---- */

static void sync_calls(struct link *link, uint64_t r)
{
	unsigned n = 1 + (r >> 8) % 50, i;

	for (i = 0; i < n; i++) {
		operands in = { (int)i, (int)(r >> 40) };
		number *out = NULL;

		CHECK_EQ(test_add(link->client, &in, &out), MINIRPC_OK);
		CHECK(out != NULL && *out == in.a + in.b);
		free_number(out, 1);
	}
}

static void one_call(mrpc_status_t (*call)(struct mrpc_connection *, number *, number **),
		     struct link *link, number in, number want)
{
	number *out = NULL;

	CHECK_EQ(call(link->client, &in, &out), MINIRPC_OK);
	CHECK(out != NULL && *out == want);
	free_number(out, 1);
}

static void slow_call(struct link *link)
{
	number *out = NULL;

	CHECK_EQ(test_get(link->client, &out), MINIRPC_OK);
	CHECK(out != NULL && *out == 4711);
	free_number(out, 1);
}

static void large_call(struct link *link, uint64_t r)
{
	static char bytes[16000];
	blob in = { (unsigned)(r >> 8) % sizeof(bytes), bytes }, *out = NULL;

	CHECK_EQ(test_echo(link->client, &in, &out), MINIRPC_OK);
	CHECK(out != NULL && out->blob_len == in.blob_len);
	free_blob(out, 1);
}

static void on_added(void *conn_data, void *private, mrpc_status_t status, number *reply)
{
	struct burst *burst = private;

	(void)conn_data;
	if (status != MINIRPC_OK || reply == NULL || *reply != 7)
		atomic_fetch_add(&burst->wrong, 1);
	counter_add(&burst->ended, 1);
}

static void async_calls(struct link *link, bool stopped)
{
	struct burst burst;
	operands in = { 3, 4 };
	int i;

	counter_init(&burst.ended);
	atomic_init(&burst.wrong, 0);
	if (stopped)
		CHECK_EQ(mrpc_stop_events(link->client), 0);
	for (i = 0; i < BURST; i++)
		CHECK_EQ(test_add_async(link->client, on_added, &burst, &in), MINIRPC_OK);
	if (stopped)
		CHECK_EQ(mrpc_start_events(link->client), 0);
	COUNTER_WAIT(&burst.ended, BURST);
	CHECK_EQ(atomic_load(&burst.wrong), 0);
}

static void messages(struct link *link)
{
	number n = 1;
	int i;

	for (i = 0; i < MESSAGES; i++)
		CHECK_EQ(test_notify(link->client, &n), MINIRPC_OK);
}

static void operate(struct caller *c, struct link *link, uint64_t r)
{
	static const char *const names[] = {
		"sync", "relay", "async", "async while stopped", "messages", "slow", "later", "large"
	};
	unsigned what = r % 8;

	atomic_store(&c->doing, names[what]);
	atomic_store(&c->since, now_ms());
	switch (what) {
	case 0: sync_calls(link, r); break;
	case 1: one_call(test_relay, link, (number)(r >> 33), (number)(r >> 33) + 1); break;
	case 2: async_calls(link, false); break;
	case 3: async_calls(link, true); break;
	case 4: messages(link); break;
	case 5: slow_call(link); break;
	case 6: one_call(test_later, link, 1, 12); break;
	case 7: large_call(link, r); break;
	}
	atomic_store(&c->since, 0);
	atomic_fetch_add(&c->operations, 1);
}

static void *run_caller(void *arg)
{
	struct caller *c = arg;

	while (!atomic_load(&stop)) {
		uint64_t r = next_random(&c->random);
		struct link *link = &links[r % CONNS];

		if (r >> 8 & 31) {
			pthread_rwlock_rdlock(&link->gone);
			operate(c, link, r >> 16);
			pthread_rwlock_unlock(&link->gone);
		} else if (pthread_rwlock_trywrlock(&link->gone) == 0) {
			/* What was sent has arrived, whoever had to read it. */
			WAIT_FOR(atomic_load(&link->events) == atomic_load(&link->notified));
			disconnect_link(link);
			connect_link(link);
			pthread_rwlock_unlock(&link->gone);
		}
		if (r >> 60 == 0)
			usleep((useconds_t)(r >> 20) % 130000);
	}
	return NULL;
}

static void *run_rounds(void *arg)
{
	struct caller *c = arg;
	bool last;

	do {
		uint64_t r = next_random(&c->random);

		operate(c, &links[r % CONNS], r >> 16);
		if (c == callers)
			atomic_store(&last_round, atomic_load(&stop));
		pthread_barrier_wait(&round_end);
		last = atomic_load(&last_round);
		pthread_barrier_wait(&round_end);       /* all have seen it */
	} while (!last);
	return NULL;
}

/* Nothing may take long, whatever else goes on. */
static bool watch(int64_t until)
{
	int i;

	while (now_ms() < until) {
		for (i = 0; i < CALLERS; i++) {
			int64_t since = atomic_load(&callers[i].since);

			if (!CHECK_MSG(since == 0 || now_ms() - since < scaled(STUCK_MS),
				       "a caller is stuck: %s", atomic_load(&callers[i].doing)))
				return false;
		}
		usleep(20000);
	}
	return true;
}

static long run_callers(void *(*run)(void *), int count, long seconds)
{
	long operations = 0;
	int i;

	atomic_store(&stop, false);
	for (i = 0; i < count; i++) {
		atomic_store(&callers[i].operations, 0);
		callers[i].thread = thread_start(run, &callers[i]);
	}
	if (!watch(now_ms() + seconds * 1000))
		tap_abort();
	atomic_store(&stop, true);
	for (i = 0; i < count; i++) {
		thread_join(callers[i].thread);
		operations += atomic_load(&callers[i].operations);
	}
	CHECK(operations > 0);
	return operations;
}

static long setting(const char *name, long otherwise)
{
	const char *text = getenv(name);

	return text != NULL ? atol(text) : otherwise;
}

int main(void)
{
	unsigned long (*rescues)(void);
	long seconds = setting("STRESS_SECONDS", 2), seed = setting("STRESS_SEED", now_ms());
	long dispatchers = setting("STRESS_DISPATCHERS", 2);
	struct leaks leaks;
	int i;

	leaks_begin(&leaks);
	SECTION("every operation ends, with the right result (STRESS_SEED=%ld)", seed);
	REQUIRE_EQ(mrpc_conn_set_create(&client_set, test_client, NULL), 0);
	REQUIRE_EQ(mrpc_conn_set_create(&server_set, test_server, NULL), 0);
	REQUIRE_EQ(mrpc_set_disconnect_func(client_set, on_disconnect), 0);
	REQUIRE_EQ(mrpc_set_disconnect_func(server_set, on_disconnect), 0);
	for (i = 0; i < dispatchers; i++) {
		REQUIRE_EQ(mrpc_start_dispatch_thread(client_set), 0);
		REQUIRE_EQ(mrpc_start_dispatch_thread(server_set), 0);
	}
	for (i = 0; i < CONNS; i++) {
		pthread_rwlock_init(&links[i].gone, NULL);
		connect_link(&links[i]);
	}
	for (i = 0; i < CALLERS; i++)
		callers[i].random = (uint64_t)seed * 2654435761u + (uint64_t)i + 1;
	tap_note("%ld operations", run_callers(run_caller, CALLERS, seconds));
	tap_note("%ld connections", atomic_load(&connections));

	SECTION("and where no later event can help");
	pthread_barrier_init(&round_end, NULL, FEW);
	tap_note("%ld operations", run_callers(run_rounds, FEW, seconds));

	SECTION("nobody had to be rescued by the tick");
	*(void **)&rescues = dlsym(RTLD_DEFAULT, "minirpc_chaos_rescues");
	if (rescues != NULL)
		CHECK_EQ(rescues(), 0);

	SECTION("nothing is left");
	for (i = 0; i < CONNS; i++)
		disconnect_link(&links[i]);
	mrpc_conn_set_unref(client_set);
	mrpc_conn_set_unref(server_set);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
