/* PROTO: test.mx */
/* TIMEOUT: 900 */
/*
 * Calls that end early, at random: sync and async, with timeouts and without, cancelled by
 * others, on connections that are closed and made anew, to handlers that are quick, slow, or
 * reply later. In rounds, after each of which it is looked that
 *
 *   - every call has ended, once, in time, with a status that it may have;
 *   - those and only those were cancelled whose canceller was told so;
 *   - on connections that were not closed, every reply was one that ended a call or a late one,
 *     as many as there were requests, and nothing was reported;
 *   - nothing is left: no call outstanding, at the end no thread and no descriptor.
 *
 * STRESS_SECONDS (2), STRESS_DISPATCHERS (2) for each set, STRESS_SEED; see make check-stress.
 */
#include "extra_rt.h"

#include <stdatomic.h>

enum { LINKS = 3, CALLERS = 6, CANCELLERS = 2, OPS = 60, LATE_MS = 3000, KEPT = 2 * CALLERS * OPS };

struct link {
	struct pair pair;
	bool tcp;
	atomic_int asked;               /* requests that came */
	atomic_int ok;                  /* calls that ended with their replies */
	atomic_bool closed;
	pthread_rwlock_t gone;          /* held for reading while it is used */
};

struct op {
	struct link *link;
	mrpc_call_t key;                /* read by cancellers */
	unsigned ms;
	bool cancellable;
	_Atomic int64_t made, took;
	atomic_int ended, told;
	_Atomic mrpc_status_t status;
};

struct caller {
	pthread_t thread;
	uint64_t random;
	struct op ops[OPS];
	atomic_int begun;
};

static struct link links[LINKS];
static struct caller callers[CALLERS];
static atomic_bool stop, round_over;
static atomic_int idle;
static pthread_barrier_t begin, end;
static struct { pthread_mutex_t lock; struct mrpc_message *requests[KEPT]; int n; } kept = {
	PTHREAD_MUTEX_INITIALIZER, { NULL }, 0
};

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* ---- the server; the probe's user is the link ---- */

static void came(void *data)
{
	struct probe *p = data;
	struct link *link = p->user;

	atomic_fetch_add(&link->asked, 1);
}

static mrpc_status_t get(void *data, struct mrpc_message *msg, number *out)
{
	(void)msg;
	came(data);
	*out = 1;
	return MINIRPC_OK;
}

/* Slow, and not in order. */
static mrpc_status_t put(void *data, struct mrpc_message *msg, number *in)
{
	(void)msg;
	came(data);
	mrpc_release_event();
	usleep((useconds_t)*in);
	return MINIRPC_OK;
}

static mrpc_status_t later(void *data, struct mrpc_message *msg, number *in, number *out)
{
	(void)in;
	(void)out;
	came(data);
	pthread_mutex_lock(&kept.lock);
	kept.requests[kept.n++] = msg;
	pthread_mutex_unlock(&kept.lock);
	return MINIRPC_PENDING;
}

static const struct test_server_operations ops = { .get = get, .put = put, .later = later };

static bool reply_to_one(uint64_t *random)
{
	struct mrpc_message *request = NULL;
	mrpc_status_t status;
	number n = 2;

	pthread_mutex_lock(&kept.lock);
	if (kept.n > 0) {
		int at = (int)(next_random(random) % (unsigned)kept.n);

		request = kept.requests[at];
		kept.requests[at] = kept.requests[--kept.n];
	}
	pthread_mutex_unlock(&kept.lock);
	if (request == NULL)
		return false;
	status = test_later_send_async_reply(request, &n);
	CHECK(status == MINIRPC_OK || status == MINIRPC_NETWORK_FAILURE);
	return true;
}

static void *reply_thread(void *arg)
{
	uint64_t random = 99 + (uint64_t)(intptr_t)arg;

	while (!atomic_load(&stop)) {
		usleep((useconds_t)(next_random(&random) % 600));
		reply_to_one(&random);
	}
	return NULL;
}

/* ---- the client ---- */

static void ended(struct op *op, mrpc_status_t status)
{
	op->took = now_ms() - op->made;
	op->status = status;
	if (status == MINIRPC_OK)
		atomic_fetch_add(&op->link->ok, 1);
	atomic_fetch_add(&op->ended, 1);
}

static void on_reply(void *data, void *private, mrpc_status_t status, number *reply)
{
	(void)data;
	CHECK_EQ(reply != NULL, status == MINIRPC_OK);
	ended(private, status);
}

static void on_put(void *data, void *private, mrpc_status_t status)
{
	(void)data;
	ended(private, status);
}

static void do_one(struct caller *caller, struct op *op)
{
	uint64_t what = next_random(&caller->random);
	struct mrpc_call_options o = MRPC_CALL_OPTIONS_INIT;
	struct mrpc_connection *conn;
	mrpc_status_t status;
	number in = (number)(what >> 8 & 2047), *out = NULL;
	bool sync = what & 1;

	op->link = &links[(what >> 4) % LINKS];
	op->ms = (unsigned)((what >> 24) % 6);
	op->cancellable = (what >> 32) % 3 > 0;
	o.timeout_ms = op->ms;
	o.call = op->cancellable ? &op->key : NULL;
	pthread_rwlock_rdlock(&op->link->gone);
	conn = op->link->pair.client;
	op->made = now_ms();
	atomic_fetch_add(&caller->begun, 1);
	switch ((what >> 40) % 3 + (sync ? 0 : 3)) {
	case 0:
		status = test_get_with(conn, &o, &out);
		break;
	case 1:
		status = test_put_with(conn, &o, &in);
		break;
	case 2:
		status = test_later_with(conn, &o, &in, &out);
		break;
	case 3:
		status = test_get_async_with(conn, &o, on_reply, op);
		break;
	case 4:
		status = test_put_async_with(conn, &o, on_put, op, &in);
		break;
	default:
		status = test_later_async_with(conn, &o, on_reply, op, &in);
	}
	free_number(out, 1);
	if (sync || status != MINIRPC_OK)
		ended(op, status);
	pthread_rwlock_unlock(&op->link->gone);
}

static void *caller_thread(void *arg)
{
	struct caller *caller = arg;
	int i;

	for (;;) {
		pthread_barrier_wait(&begin);
		if (atomic_load(&stop))
			return NULL;
		for (i = 0; i < OPS; i++)
			do_one(caller, &caller->ops[i]);
		pthread_barrier_wait(&end);
	}
}

static void *cancel_thread(void *arg)
{
	uint64_t random = 7 + (uint64_t)(intptr_t)arg;

	while (!atomic_load(&stop)) {
		struct caller *caller = &callers[next_random(&random) % CALLERS];
		int begun = atomic_load(&caller->begun), result;
		mrpc_call_t key;
		struct op *op;

		if (atomic_load(&round_over) || begun == 0) {
			atomic_fetch_add(&idle, 1);
			while (atomic_load(&round_over) && !atomic_load(&stop))
				usleep(50);
			atomic_fetch_sub(&idle, 1);
			usleep(20);
			continue;
		}
		op = &caller->ops[begun - 1 - (int)(next_random(&random) % 3) * (begun > 3)];
		key = __atomic_load_n(&op->key, __ATOMIC_ACQUIRE);
		if (key == 0 || pthread_rwlock_tryrdlock(&op->link->gone) != 0)
			continue;
		result = mrpc_call_cancel(op->link->pair.client, key);
		pthread_rwlock_unlock(&op->link->gone);
		CHECK(result == 0 || result == ENOENT);
		if (result == 0)
			atomic_fetch_add(&op->told, 1);
		usleep((useconds_t)(next_random(&random) % 200));
	}
	return NULL;
}

/* ---- connections ---- */

static int setting(const char *name, int otherwise)
{
	const char *text = getenv(name);

	return text != NULL ? atoi(text) : otherwise;
}

static void open_link(struct link *link)
{
	int i;

	link->tcp = !link->tcp;
	pair_open(&link->pair, link->tcp ? PAIR_TCP : PAIR_SOCKETPAIR, test_client, test_server);
	link->pair.server_probe.user = link;
	link->asked = link->ok = 0;
	link->closed = false;
	REQUIRE_EQ(test_server_set_operations(link->pair.server, &ops), 0);
	for (i = 1; i < setting("STRESS_DISPATCHERS", 2); i++) {
		REQUIRE_EQ(mrpc_start_dispatch_thread(link->pair.client_set), 0);
		REQUIRE_EQ(mrpc_start_dispatch_thread(link->pair.server_set), 0);
	}
}

static void close_link(struct link *link)
{
	atomic_store(&link->closed, true);
	CHECK_EQ(mrpc_conn_close(link->pair.client), 0);
}

static void drop_link(struct link *link)
{
	COUNTER_WAIT(&link->pair.client_probe.disconnects, 1);
	COUNTER_WAIT(&link->pair.server_probe.disconnects, 1);
	pair_unref(&link->pair);
}

/* All replies have come, and were told apart. */
static bool replies_are_told_apart(struct link *link)
{
	struct mrpc_conn_stats client = { .size = sizeof(client) };

	CHECK_EQ(mrpc_conn_get_stats(link->pair.client, &client), 0);
	return client.calls_outstanding == 0 &&
	       (int)client.late_replies == link->asked - link->ok;
}

static void look_at(struct op *op)
{
	bool may_fail = atomic_load(&op->link->closed);

	CHECK_EQ(op->ended, 1);
	CHECK(op->told <= 1);
	CHECK_EQ(op->status == MINIRPC_CANCELLED, op->told == 1);
	switch (op->status) {
	case MINIRPC_OK:
		break;
	case MINIRPC_TIMEDOUT:
		CHECK(op->ms > 0 && op->took >= (int64_t)op->ms - 1);
		break;
	case MINIRPC_CANCELLED:
		CHECK(op->cancellable);
		break;
	default:
		CHECK(may_fail);
		CHECK_EQ(op->status, MINIRPC_NETWORK_FAILURE);
	}
	CHECK_MSG(op->took <= scaled(LATE_MS), "took %lld ms", (long long)op->took);
}

static bool all_ended(void)
{
	uint64_t random = 5;
	int c, i;

	while (reply_to_one(&random))
		;
	for (c = 0; c < CALLERS; c++)
		for (i = 0; i < OPS; i++)
			if (callers[c].ops[i].ended == 0)
				return false;
	return true;
}

static long statuses[4];

static void look_at_all(void)
{
	int c, i;

	atomic_store(&round_over, true);
	WAIT_FOR(atomic_load(&idle) == CANCELLERS);
	WAIT_FOR(all_ended());
	for (i = 0; i < LINKS; i++)
		if (!atomic_load(&links[i].closed)) {
			WAIT_FOR((all_ended(), replies_are_told_apart(&links[i])));
			CHECK_EQ(counter_get(&links[i].pair.client_probe.ioerrs), 0);
			CHECK_EQ(counter_get(&links[i].pair.server_probe.ioerrs), 0);
		}
	for (c = 0; c < CALLERS; c++)
		for (i = 0; i < OPS; i++) {
			mrpc_status_t status = callers[c].ops[i].status;

			look_at(&callers[c].ops[i]);
			statuses[status == MINIRPC_OK ? 0 : status == MINIRPC_TIMEDOUT ? 1 :
				 status == MINIRPC_CANCELLED ? 2 : 3]++;
		}
}

static void next_round(void)
{
	int c, i;

	for (c = 0; c < CALLERS; c++) {
		memset(callers[c].ops, 0, sizeof(callers[c].ops));
		for (i = 0; i < OPS; i++)
			callers[c].ops[i].link = &links[0];
		callers[c].begun = 0;
	}
	for (i = 0; i < LINKS; i++)
		if (atomic_load(&links[i].closed)) {
			drop_link(&links[i]);
			open_link(&links[i]);
		}
	atomic_store(&round_over, false);
}

int main(void)
{
	uint64_t random = (uint64_t)setting("STRESS_SEED", (int)now_ms()) * 2 + 1;
	int64_t until = now_ms() + setting("STRESS_SECONDS", 2) * 1000;
	pthread_t helpers[CANCELLERS + 1];
	struct leaks leaks;
	int i, rounds = 0;

	SECTION("seed %lld", (long long)random / 2);
	leaks_begin(&leaks);
	pthread_barrier_init(&begin, NULL, CALLERS + 1);
	pthread_barrier_init(&end, NULL, CALLERS + 1);
	for (i = 0; i < LINKS; i++) {
		pthread_rwlock_init(&links[i].gone, NULL);
		open_link(&links[i]);
	}
	atomic_store(&round_over, true);
	for (i = 0; i < CALLERS; i++) {
		callers[i].random = next_random(&random);
		callers[i].thread = thread_start(caller_thread, &callers[i]);
	}
	for (i = 0; i < CANCELLERS; i++)
		helpers[i] = thread_start(cancel_thread, (void *)(intptr_t)i);
	helpers[i] = thread_start(reply_thread, NULL);
	while (rounds == 0 || now_ms() < until) {
		next_round();
		pthread_barrier_wait(&begin);
		if (next_random(&random) % 3 == 0) {
			usleep((useconds_t)(next_random(&random) % 20000));
			close_link(&links[next_random(&random) % LINKS]);
		}
		pthread_barrier_wait(&end);
		look_at_all();
		rounds++;
	}
	atomic_store(&stop, true);
	pthread_barrier_wait(&begin);
	for (i = 0; i < CALLERS; i++)
		thread_join(callers[i].thread);
	for (i = 0; i <= CANCELLERS; i++)
		thread_join(helpers[i]);
	for (i = 0; i < LINKS; i++) {
		if (!atomic_load(&links[i].closed))
			close_link(&links[i]);
		drop_link(&links[i]);
	}
	tap_note("%d rounds; calls: %ld ok, %ld timed out, %ld cancelled, %ld failed", rounds,
		 statuses[0], statuses[1], statuses[2], statuses[3]);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
