/* PROTO: test.mx */
/* MODES: plain (what a cancelled thread held may be lost) */
/* TIMEOUT: 60 */
/*
 * pthread_cancel of a thread that waits for a reply, the only one or one of
 * several on the connection: the others get theirs, calls made later too, and
 * the connection and its set end as ever.
 */
#include "cancel.h"

enum { CALLERS = 4, ROUNDS = 60 };

static struct counter returned = COUNTER_INIT;  /* calls that got their reply */

static void call(void *conn)
{
	number n = 1;

	if (test_put(conn, &n) == MINIRPC_OK)
		counter_add(&returned, 1);
}

/* A caller that waits; the sequence of its request. */
static uint32_t caller_start(struct waiter *w, struct end *e)
{
	struct frame f;

	waiter_start(w, call, e->conn);
	peer_recv(e->fd, &f);
	CHECK_EQ(f.cmd, nr_test_put);
	free(f.data);
	return f.seq;
}

static bool message_first;      /* and the event descriptor is in use */

static void reply(struct end *e, uint32_t seq)
{
	if (message_first)
		peer_number(e->fd, 0, nr_test_event, 1);
	peer_send(e->fd, seq, MINIRPC_OK, nr_test_put, NULL, 0);
}

/* Its reply comes, and it gets it. */
static void answered(struct end *e, struct waiter *w, uint32_t seq)
{
	long before = counter_get(&returned);

	reply(e, seq);
	COUNTER_WAIT(&returned, before + 1);
	waiter_join(w);
}

/* A call made now. */
static void served(struct end *e)
{
	struct waiter w;
	uint32_t seq = caller_start(&w, e);

	answered(e, &w, seq);
}

enum when { ALONE, FIRST, SECOND, BEFORE_THE_SECOND, WHENS };
static const char *const names[] = {
	"the only one", "the first of two", "the second of two", "one, and another comes later"
};

static void try_one(enum when when, int threads, bool tcp)
{
	struct waiter first, second;
	uint32_t first_seq, second_seq;
	struct end e;
	int early;

	for (early = 0; early < 2; early++) {
		counter_init(&returned);
		end_open(&e, test_client, threads, tcp);
		if (message_first)
			CHECK(mrpc_get_event_fd(e.set) >= 0);
		served(&e);
		first_seq = caller_start(&first, &e);
		if (when == ALONE) {
			waiter_cancel(&first);
			served(&e);
			reply(&e, first_seq);
			waiter_join(&first);
		} else if (when == SECOND) {
			second_seq = caller_start(&second, &e);
			waiter_cancel(&second);
			if (early)
				reply(&e, second_seq);
			answered(&e, &first, first_seq);
			if (!early)
				reply(&e, second_seq);
			waiter_join(&second);
		} else {
			if (when == BEFORE_THE_SECOND)
				waiter_cancel(&first);
			second_seq = caller_start(&second, &e);
			if (when == FIRST)
				waiter_cancel(&first);
			if (early)
				reply(&e, first_seq);
			answered(&e, &second, second_seq);
			if (!early)
				reply(&e, first_seq);
			waiter_join(&first);
		}
		served(&e);
		end_close(&e);
	}
}

/* ---- anywhere in a call ---- */

struct caller {
	struct mrpc_connection *conn;
	pthread_t thread;
	struct counter calls;
	bool cancelled_before;          /* it ends in its first call, if that looks */
};
static struct counter stop = COUNTER_INIT;

static void *call_on(void *arg)
{
	struct caller *c = arg;

	if (c->cancelled_before)
		pthread_cancel(pthread_self());
	while (counter_get(&stop) == 0) {
		if (!CHECK_EQ(test_ping(c->conn), MINIRPC_OK))
			break;
		counter_add(&c->calls, 1);
		pthread_testcancel();
	}
	return NULL;
}

static void caller_begin(struct caller *c, struct mrpc_connection *conn, bool cancelled)
{
	c->cancelled_before = cancelled;
	c->conn = conn;
	counter_init(&c->calls);
	c->thread = thread_start(call_on, c);
}

static const struct test_server_operations ping_ops = { .ping = answer_ping };

/* All come forward by a number of calls. */
static bool all_go_on(struct caller callers[CALLERS])
{
	bool ok = true;
	int i;

	for (i = 0; i < CALLERS; i++)
		ok &= COUNTER_WAIT(&callers[i].calls, counter_get(&callers[i].calls) + 5);
	return ok;
}

static void cancel_anywhere(int kind)
{
	struct caller callers[CALLERS];
	struct pair p;
	int round, i;

	counter_init(&stop);
	pair_open(&p, kind, test_client, test_server);
	REQUIRE_EQ(test_server_set_operations(p.server, &ping_ops), 0);
	for (i = 0; i < CALLERS; i++)
		caller_begin(&callers[i], p.client, false);
	for (round = 0; round < ROUNDS; round++) {
		struct caller *c = &callers[round % CALLERS];

		REQUIRE(all_go_on(callers));
		CHECK_EQ(pthread_cancel(c->thread), 0);
		thread_join(c->thread);
		caller_begin(c, p.client, true);
		thread_join(c->thread);
		caller_begin(c, p.client, false);
	}
	REQUIRE(all_go_on(callers));
	counter_add(&stop, 1);
	for (i = 0; i < CALLERS; i++)
		thread_join(callers[i].thread);
	pair_close(&p);
}

int main(void)
{
	struct leaks leaks;
	int i;

	leaks_begin(&leaks);
	for (i = 0; i < 8 * WHENS; i++) {
		int threads = i & 1, tcp = i >> 1 & 1;

		message_first = i >> 2 & 1;
		SECTION("%s, %d dispatch threads, %s%s", names[i / 8], threads,
			tcp ? "TCP" : "AF_UNIX", message_first ? ", messages first" : "");
		try_one((enum when)(i / 8), threads, tcp);
		LEAKS_CHECK(&leaks);
	}
	SECTION("wherever in a call it is, AF_UNIX");
	cancel_anywhere(PAIR_SOCKETPAIR);
	LEAKS_CHECK(&leaks);
	SECTION("wherever in a call it is, TCP");
	cancel_anywhere(PAIR_TCP);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
