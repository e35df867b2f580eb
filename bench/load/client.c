#include "client.h"

#include "load_client.h"
#include "server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	SMALL = 256, LARGE = 60000, BURST = 200,
	PATIENCE_MS = 20000,            /* for what comes soon, on a busy machine */
	HOSTILE_MS = 200
};

static atomic_long calls, async_calls, nested, messages, timed_out, cancelled, late_us;
static atomic_long connections, connected, disconnected, aborted;
static atomic_uint_fast64_t next_number = 1ull << 40;   /* the server's are below */

/* ---- handlers ---- */

static mrpc_status_t mirror(UNUSED void *data, UNUSED struct mrpc_message *msg, parcel *in,
			    parcel *out)
{
	out->nr = answer(nr_load_mirror, in->nr);
	out->data = in->data;
	in->data.data_len = 0;
	in->data.data_val = NULL;
	pattern(out->nr, out->data.data_val, out->data.data_len);
	return MINIRPC_OK;
}

static void news(void *data, UNUSED struct mrpc_message *msg, number *in)
{
	struct end *end = data;
	uint64_t want = atomic_fetch_add(&end->news, 1);

	if (!end->hostile && *in != want)
		fault("message %llu came back instead of %llu", (unsigned long long)*in,
		      (unsigned long long)want);
}

static const struct load_client_operations operations = { .mirror = mirror, .news = news };

static void on_disconnect(void *data, UNUSED enum mrpc_disc_reason reason)
{
	struct end *end = data;

	atomic_fetch_add(&disconnected, 1);
	if (atomic_fetch_add(&end->ended, 1) != 0)
		fault("a second disconnect");
}

struct mrpc_conn_set *client_new(int dispatchers)
{
	struct mrpc_conn_set *set;
	int i;

	MUST(mrpc_conn_set_create(&set, load_client, NULL));
	MUST(mrpc_set_disconnect_func(set, on_disconnect));
	MUST(mrpc_set_max_buf_len(set, 65536));
	for (i = 0; i < dispatchers; i++)
		MUST(mrpc_start_dispatch_thread(set));
	return set;
}

/* ---- calls and their answers ---- */

static void parcel_of(parcel *in, char *bytes, size_t len)
{
	in->nr = atomic_fetch_add(&next_number, 1);
	in->data.data_len = (u_int)len;
	in->data.data_val = bytes;
	pattern(in->nr, bytes, len);
}

static void check_parcel(int procedure, uint64_t nr, size_t len, const parcel *out)
{
	if (out == NULL || out->nr != answer(procedure, nr) || out->data.data_len != len ||
	    !pattern_is(out->nr, out->data.data_val, len))
		fault("call %llu of procedure %d got a wrong answer", (unsigned long long)nr,
		      procedure);
}

/* Waits for so many callbacks. */
struct batch {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int left;
};

static void batch_init(struct batch *b, int left)
{
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->changed, NULL);
	b->left = left;
}

static void batch_less(struct batch *b)
{
	pthread_mutex_lock(&b->lock);
	if (--b->left == 0)
		pthread_cond_signal(&b->changed);
	else if (b->left < 0)
		fault("a callback came twice");
	pthread_mutex_unlock(&b->lock);
}

/* For ever: the program's watch has a deadline. */
static void batch_wait(struct batch *b)
{
	pthread_mutex_lock(&b->lock);
	while (b->left > 0)
		pthread_cond_wait(&b->changed, &b->lock);
	pthread_mutex_unlock(&b->lock);
}

/* An async call. Which ends are right, beside the answer: */
enum ends { ANSWERED = 1, TIMED_OUT = 2, CANCELLED = 4, FAILED = 8 };
struct call {
	struct batch *batch;
	uint64_t nr;
	int procedure, ends;
	size_t len;
	int64_t begun;
	unsigned timeout_ms;
	mrpc_status_t status;
};

static void note_lateness(int64_t begun, unsigned timeout_ms)
{
	int64_t late = now_us() - begun - (int64_t)timeout_ms * 1000;
	long most = atomic_load(&late_us);

	if (late < 0)
		fault("a call with %u ms ended %lld us too early", timeout_ms, (long long)-late);
	while (late > most && !atomic_compare_exchange_weak(&late_us, &most, (long)late))
		;
}

static void check_end(struct call *c, mrpc_status_t status)
{
	int end = status == MINIRPC_OK ? ANSWERED : status == MINIRPC_TIMEDOUT ? TIMED_OUT :
		status == MINIRPC_CANCELLED ? CANCELLED : FAILED;

	if ((end & c->ends) == 0)
		fault("call %llu of procedure %d: %s", (unsigned long long)c->nr, c->procedure,
		      mrpc_strerror(status));
	if (end == TIMED_OUT) {
		note_lateness(c->begun, c->timeout_ms);
		atomic_fetch_add(&timed_out, 1);
	}
	if (end == CANCELLED)
		atomic_fetch_add(&cancelled, 1);
	c->status = status;
}

static void on_parcel(UNUSED void *data, void *private, mrpc_status_t status, parcel *out)
{
	struct call *c = private;

	check_end(c, status);
	if (status == MINIRPC_OK)
		check_parcel(c->procedure, c->nr, c->len, out);
	batch_less(c->batch);
}

static void on_number(UNUSED void *data, void *private, mrpc_status_t status, number *out)
{
	struct call *c = private;

	check_end(c, status);
	if (status == MINIRPC_OK && (out == NULL || *out != answer(c->procedure, c->nr)))
		fault("call %llu got a wrong number", (unsigned long long)c->nr);
	batch_less(c->batch);
}

/* ---- operations ---- */

static void sync_parcel(struct worker *w, struct end *end, int procedure, size_t most)
{
	struct mrpc_call_options options = MRPC_CALL_OPTIONS_INIT;
	char *bytes = malloc(most);
	struct call c = { .procedure = procedure, .begun = now_us(), .ends = ANSWERED };
	parcel in, *out = NULL;
	mrpc_status_t status;

	if (end->hostile) {
		options.timeout_ms = c.timeout_ms = HOSTILE_MS;
		c.ends |= TIMED_OUT | FAILED;
	}
	parcel_of(&in, bytes, chance(&w->random) % most);
	c.nr = in.nr;
	status = (procedure == nr_load_echo ? load_echo_with : procedure == nr_load_later ?
		  load_later_with : load_back_with)(end->conn, &options, &in, &out);
	atomic_fetch_add(&calls, 1);
	check_end(&c, status);
	if (status == MINIRPC_OK)
		check_parcel(procedure, in.nr, in.data.data_len, out);
	free_parcel(out, 1);
	free(bytes);
}

static void sync_calls(struct worker *w, struct end *end)
{
	int n = 1 + (int)(chance(&w->random) % 20);

	while (n-- > 0)
		sync_parcel(w, end, nr_load_echo, SMALL);
}

static void large_call(struct worker *w, struct end *end)
{
	sync_parcel(w, end, nr_load_echo, LARGE);
}

static void later_call(struct worker *w, struct end *end)
{
	sync_parcel(w, end, nr_load_later, SMALL);
}

static void nested_call(struct worker *w, struct end *end)
{
	sync_parcel(w, end, nr_load_back, SMALL);
	atomic_fetch_add(&nested, 1);
}

/* Those that could be made. */
static int make_async(struct worker *w, struct end *end, struct call *made, int count,
		      struct batch *batch, int ends)
{
	char bytes[SMALL];
	parcel in;
	int i;

	for (i = 0; i < count; i++) {
		bool later = chance(&w->random) >> 60 == 0;
		struct call *c = &made[i];
		mrpc_status_t status;

		parcel_of(&in, bytes, chance(&w->random) % sizeof(bytes));
		*c = (struct call) { .batch = batch, .nr = in.nr, .len = in.data.data_len,
				     .procedure = later ? nr_load_later : nr_load_echo,
				     .ends = ends };
		status = (later ? load_later_async : load_echo_async)(end->conn, on_parcel, c, &in);
		if (status != MINIRPC_OK) {
			if ((ends & FAILED) == 0)
				fault("an async call: %s", mrpc_strerror(status));
			break;
		}
		atomic_fetch_add(&async_calls, 1);
	}
	return i;
}

static void async_burst(struct worker *w, struct end *end, bool stopped)
{
	struct call made[BURST];
	struct batch batch;
	int n = 1 + (int)(chance(&w->random) % BURST), sent;

	batch_init(&batch, n + 1);
	if (stopped)
		MUST(mrpc_stop_events(end->conn));
	sent = make_async(w, end, made, n, &batch, ANSWERED);
	if (stopped)
		MUST(mrpc_start_events(end->conn));
	for (; sent <= n; sent++)
		batch_less(&batch);
	batch_wait(&batch);
}

static void async_calls_go(struct worker *w, struct end *end)
{
	async_burst(w, end, false);
}

static void async_stopped(struct worker *w, struct end *end)
{
	async_burst(w, end, true);
}

static void notes(struct worker *w, struct end *end)
{
	int n = 1 + (int)(chance(&w->random) % 100);

	while (n-- > 0) {
		number nr;

		/* In order, whoever else sends. */
		pthread_mutex_lock(&end->order);
		nr = end->notes++;
		if (load_note(end->conn, &nr) != MINIRPC_OK)
			fault("a message was not sent");
		pthread_mutex_unlock(&end->order);
	}
	atomic_fetch_add(&messages, 1);
}

static void deadline_call(struct worker *w, struct end *end)
{
	struct mrpc_call_options options = MRPC_CALL_OPTIONS_INIT;
	number nr = atomic_fetch_add(&next_number, 1), *out = NULL;
	struct call c = { .procedure = nr_load_never, .ends = TIMED_OUT | ANSWERED, .nr = nr };
	mrpc_status_t status;

	options.timeout_ms = c.timeout_ms = 1 + (unsigned)(chance(&w->random) % 60);
	c.begun = now_us();
	status = load_never_with(end->conn, &options, &nr, &out);
	atomic_fetch_add(&calls, 1);
	check_end(&c, status);
	if (status == MINIRPC_OK && *out != answer(nr_load_never, nr))
		fault("call %llu got a wrong number", (unsigned long long)nr);
	free_number(out, 1);
}

/* Some end by their time, some are cancelled, some are answered just before. */
static void async_ends(struct worker *w, struct end *end)
{
	enum { COUNT = 30 };
	struct call made[COUNT];
	mrpc_call_t keys[COUNT];
	struct batch batch;
	int i;

	batch_init(&batch, COUNT);
	for (i = 0; i < COUNT; i++) {
		struct mrpc_call_options options = MRPC_CALL_OPTIONS_INIT;
		struct call *c = &made[i];
		char bytes[SMALL];
		mrpc_status_t status;
		parcel in;

		parcel_of(&in, bytes, chance(&w->random) % sizeof(bytes));
		*c = (struct call) { .batch = &batch, .nr = in.nr, .len = in.data.data_len };
		keys[i] = 0;
		if (i % 3 != 0) {
			c->timeout_ms = options.timeout_ms = 1 + (unsigned)(chance(&w->random) % 40);
			c->ends = TIMED_OUT | ANSWERED;
		} else {
			options.call = &keys[i];
			options.timeout_ms = 0;
			c->ends = CANCELLED | ANSWERED;
		}
		c->begun = now_us();
		if (i % 2 == 0) {
			c->procedure = nr_load_never;
			status = load_never_async_with(end->conn, &options, on_number, c, &in.nr);
		} else {
			c->procedure = nr_load_later;
			status = load_later_async_with(end->conn, &options, on_parcel, c, &in);
		}
		if (status != MINIRPC_OK) {
			fault("an async call: %s", mrpc_strerror(status));
			batch_less(&batch);
			continue;
		}
		atomic_fetch_add(&async_calls, 1);
	}
	pause_us((int64_t)(chance(&w->random) % 20000));
	for (i = 0; i < COUNT; i += 3) {
		int code = mrpc_call_cancel(end->conn, keys[i]);

		if (code != 0 && code != ENOENT)
			fault("cancelling: %s", strerror(code));
		keys[i] = (mrpc_call_t)code;
	}
	batch_wait(&batch);
	for (i = 0; i < COUNT; i += 3)
		if ((keys[i] == 0) != (made[i].status == MINIRPC_CANCELLED))
			fault("a call was cancelled (%d), and ended so: %s", (int)keys[i],
			      mrpc_strerror(made[i].status));
}

/* By another thread, while this one waits. */
static void cancelled_call(struct worker *w, struct end *end)
{
	struct mrpc_call_options options = MRPC_CALL_OPTIONS_INIT;
	number nr = atomic_fetch_add(&next_number, 1), *out = NULL;
	mrpc_status_t status;

	options.call = &w->cancel_key;
	w->cancel_key = 0;
	w->cancel_on = end->conn;
	atomic_store(&w->cancel_at, now_us() + (int64_t)(chance(&w->random) % 20000));
	status = load_never_with(end->conn, &options, &nr, &out);
	atomic_fetch_add(&calls, 1);
	while (atomic_load(&w->cancel_at) != 0)
		pause_us(1000);
	if (status == MINIRPC_CANCELLED && w->cancel_result == 0)
		atomic_fetch_add(&cancelled, 1);
	else if (status != MINIRPC_OK || w->cancel_result != ENOENT ||
		 *out != answer(nr_load_never, nr))
		fault("a sync call was cancelled (%d), and ended so: %s", w->cancel_result,
		      mrpc_strerror(status));
	free_number(out, 1);
}

void client_cancel(struct worker *workers, int count)
{
	int64_t now = now_us();
	int i;

	for (i = 0; i < count; i++) {
		struct worker *w = &workers[i];
		int64_t at = atomic_load(&w->cancel_at);
		mrpc_call_t key;

		if (at == 0 || at > now)
			continue;
		key = __atomic_load_n(&w->cancel_key, __ATOMIC_ACQUIRE);
		if (key == 0)
			continue;
		w->cancel_result = mrpc_call_cancel(w->cancel_on, key);
		atomic_store(&w->cancel_at, 0);
	}
}

static void server_call(struct worker *w, UNUSED struct end *end)
{
	int n = 5;

	while (n-- > 0 && server_calls(&w->random))
		;
}

void client_operate(struct worker *w, struct end *end)
{
	static const struct {
		const char *name;
		void (*run)(struct worker *w, struct end *end);
	} kinds[] = {
		{ "sync calls", sync_calls }, { "a large call", large_call },
		{ "a kept call", later_call }, { "a nested call", nested_call },
		{ "async calls", async_calls_go }, { "async calls, stopped", async_stopped },
		{ "messages", notes }, { "a deadline", deadline_call },
		{ "async ends", async_ends }, { "a cancelled call", cancelled_call },
		{ "the server's calls", server_call }
	};
	size_t which = (chance(&w->random) >> 8) % (sizeof(kinds) / sizeof(kinds[0]));

	atomic_store(&w->doing, kinds[which].name);
	atomic_store(&w->since, now_us());
	kinds[which].run(w, end);
	atomic_store(&w->since, 0);
}

/* ---- connecting ---- */

static void end_new(struct end *end, const struct place *place)
{
	memset(end, 0, sizeof(*end));
	pthread_mutex_init(&end->order, NULL);
	MUST(mrpc_conn_create(&end->conn, place->set, end));
	MUST(load_client_set_operations(end->conn, &operations));
	atomic_fetch_add(&connections, 1);
}

static void say_hello(struct end *end, enum who who)
{
	number nr = who, *out = NULL;
	mrpc_status_t status = load_hello(end->conn, &nr, &out);

	if (status != MINIRPC_OK || *out != answer(nr_load_hello, nr))
		fault("hello: %s", mrpc_strerror(status));
	free_number(out, 1);
}

void client_connect(struct end *end, const struct place *place, enum who who)
{
	end_new(end, place);
	MUST(mrpc_connect(end->conn, place->family, place->host, place->service));
	atomic_fetch_add(&connected, 1);
	say_hello(end, who);
}

void client_call(struct worker *w, struct end *end)
{
	sync_parcel(w, end, nr_load_echo, SMALL);
}

void client_close(struct end *end)
{
	mrpc_conn_close(end->conn);
	while (atomic_load(&end->ended) == 0)
		pause_us(300);
	mrpc_conn_unref(end->conn);
}

struct attempt {
	struct batch batch;
	int error;
};

static void on_connected(UNUSED void *data, void *private, int error)
{
	struct attempt *attempt = private;

	attempt->error = error;
	batch_less(&attempt->batch);
}

/* Whether there is a connection then. */
static bool come(struct worker *w, struct end *end, const struct place *place)
{
	struct attempt attempt = { .error = -1 };
	bool given_up = false;

	if (chance(&w->random) & 1 << 9) {
		attempt.error = mrpc_connect(end->conn, place->family, place->host, place->service);
	} else {
		batch_init(&attempt.batch, 1);
		MUST(mrpc_connect_async(end->conn, place->family, place->host, place->service,
					on_connected, &attempt));
		given_up = (chance(&w->random) >> 8) % 8 == 0;
		if (given_up)
			mrpc_conn_close(end->conn);
		batch_wait(&attempt.batch);
		if (given_up && attempt.error == ECANCELED)
			atomic_fetch_add(&aborted, 1);
	}
	if (attempt.error != 0 && !end->hostile && !(given_up && attempt.error == ECANCELED)) {
		char text[256] = "";

		mrpc_conn_get_error(end->conn, text, sizeof(text));
		fault("connecting (%s): %s, %s", place->name, strerror(attempt.error), text);
	}
	if (attempt.error == 0)
		atomic_fetch_add(&connected, 1);
	/* Closed just after it stood: nothing can be called. */
	end->passing = given_up;
	return attempt.error == 0;
}

void client_pass(struct worker *w, const struct place *place, bool hostile)
{
	struct end *end = malloc(sizeof(*end));
	struct call made[20];
	struct batch batch;
	int sent = 0, i;

	atomic_store(&w->doing, hostile ? "a hostile server" : place->name);
	atomic_store(&w->since, now_us());
	end_new(end, place);
	end->hostile = hostile;
	batch_init(&batch, 21);
	if (come(w, end, place)) {
		uint64_t r = chance(&w->random) >> 8;

		if (!hostile && !end->passing && r % 2 == 0)
			say_hello(end, WHO_PASSING);
		for (i = 0; i < (int)(r >> 8) % 4 && !end->passing; i++)
			sync_parcel(w, end, nr_load_echo, SMALL);
		/* Outstanding when it is closed: each ends once, one way or the other. */
		if (r >> 16 & 1)
			sent = make_async(w, end, made, 20, &batch, ANSWERED | FAILED);
		mrpc_conn_close(end->conn);
		while (atomic_load(&end->ended) == 0)
			pause_us(500);
	}
	for (; sent < 21; sent++)
		batch_less(&batch);
	batch_wait(&batch);
	mrpc_conn_unref(end->conn);
	free(end);
	atomic_store(&w->since, 0);
}

void client_counts(struct client_counts *counts)
{
	*counts = (struct client_counts) {
		.calls = atomic_load(&calls), .async_calls = atomic_load(&async_calls),
		.nested = atomic_load(&nested), .messages = atomic_load(&messages),
		.timed_out = atomic_load(&timed_out), .cancelled = atomic_load(&cancelled),
		.late_us = atomic_load(&late_us), .connections = atomic_load(&connections),
		.connected = atomic_load(&connected), .disconnected = atomic_load(&disconnected),
		.aborted = atomic_load(&aborted)
	};
}
