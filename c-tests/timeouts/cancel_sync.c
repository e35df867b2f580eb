/* PROTO: test.mx */
/* NEEDS: additions */
/* TIMEOUT: 60 */
/*
 * mrpc_call_cancel on sync calls: whatever the caller waits in, the call returns with
 * MINIRPC_CANCELLED, once; its key is there before its request is; another's, an old one and
 * none are refused. Other callers of the connection go on.
 */
#include "timeouts.h"

struct caller {
	struct mrpc_connection *conn;
	mrpc_call_t call;               /* read by another thread */
	unsigned ms;
	mrpc_status_t status;
	struct counter returned;
	pthread_t thread;
};

static void *run(void *arg)
{
	struct caller *c = arg;
	struct mrpc_call_options o = with(c->ms, &c->call);
	number n, *out = &n;

	c->status = test_get_with(c->conn, &o, &out);
	CHECK_EQ(out != NULL, c->status == MINIRPC_OK);
	free_number(out, 1);
	counter_add(&c->returned, 1);
	return NULL;
}

static void start(struct caller *c, struct mrpc_connection *conn, unsigned ms)
{
	memset(c, 0, sizeof(*c));
	c->conn = conn;
	c->ms = ms;
	counter_init(&c->returned);
	c->thread = thread_start(run, c);
}

static mrpc_call_t key_of(struct caller *c)
{
	mrpc_call_t key;

	WAIT_FOR((key = __atomic_load_n(&c->call, __ATOMIC_ACQUIRE)) != 0);
	return key;
}

static void finish(struct caller *c, mrpc_status_t status)
{
	thread_join(c->thread);
	CHECK_EQ(c->status, status);
	CHECK_EQ(counter_get(&c->returned), 1);
}

/* Several callers, of which one reads and the others wait for it. */
static void all(int callers, unsigned ms, bool tcp)
{
	struct caller c[4], last;
	uint32_t seqs[4];
	struct end e;
	int i;

	SECTION("%d callers, %s, %s", callers, ms ? "with a timeout" : "for ever",
		tcp ? "TCP" : "AF_UNIX");
	end_open(&e, test_client, 1, tcp);
	for (i = 0; i < callers; i++) {
		start(&c[i], e.conn, ms);
		seqs[i] = peer_request(e.fd, nr_test_get);
		/* Its key was there before its request. */
		CHECK(__atomic_load_n(&c[i].call, __ATOMIC_ACQUIRE) != 0);
	}
	for (i = 0; i < callers; i++) {
		int which = (i + 1) % callers;
		mrpc_call_t key = key_of(&c[which]);

		CHECK_EQ(PROMPT(mrpc_call_cancel(e.conn, key)), 0);
		PROMPT(({ finish(&c[which], CANCELLED); 0; }));
		CHECK_EQ(mrpc_call_cancel(e.conn, key), ENOENT);
	}
	start(&last, e.conn, 0);
	for (i = 0; i < callers; i++)
		peer_reply_number(e.fd, seqs[i], nr_test_get, i);
	peer_reply_number(e.fd, peer_request(e.fd, nr_test_get), nr_test_get, 1);
	finish(&last, MINIRPC_OK);
	CHECK_EQ(mrpc_call_cancel(e.conn, last.call), ENOENT);
	CHECK_EQ(counter_get(&e.probe.ioerrs), 0);
	end_close(&e);
}

/* One of several callers is cancelled; the others get their replies, whoever reads. */
static void others_go_on(int which)
{
	struct caller c[3];
	uint32_t seqs[3];
	struct end e;
	int i;

	SECTION("number %d of 3 is cancelled", which);
	end_open(&e, test_client, BY_HAND, true);
	for (i = 0; i < 3; i++) {
		start(&c[i], e.conn, 0);
		seqs[i] = peer_request(e.fd, nr_test_get);
	}
	CHECK_EQ(mrpc_call_cancel(e.conn, key_of(&c[which])), 0);
	finish(&c[which], CANCELLED);
	for (i = 2; i >= 0; i--) {
		peer_reply_number(e.fd, seqs[i], nr_test_get, i);
		if (i != which)
			PROMPT(({ finish(&c[i], MINIRPC_OK); 0; }));
	}
	end_close(&e);
}

static void strangers(void)
{
	struct caller c;
	struct end e, other;
	uint32_t seq;

	SECTION("another connection's key");
	end_open(&e, test_client, 1, false);
	end_open(&other, test_client, 1, false);
	start(&c, e.conn, 0);
	seq = peer_request(e.fd, nr_test_get);
	CHECK_EQ(mrpc_call_cancel(other.conn, key_of(&c)), ENOENT);
	CHECK_EQ(mrpc_call_cancel(e.conn, key_of(&c) + 1), ENOENT);
	CHECK_EQ(mrpc_call_cancel(e.conn, key_of(&c) + (1 << 24)), ENOENT);
	STAYS(counter_get(&c.returned) == 0, 20);
	peer_reply_number(e.fd, seq, nr_test_get, 1);
	finish(&c, MINIRPC_OK);

	SECTION("a call that timed out");
	start(&c, e.conn, 20);
	finish(&c, TIMEDOUT);
	CHECK_EQ(mrpc_call_cancel(e.conn, c.call), ENOENT);
	end_close(&e);
	end_close(&other);
}

int main(void)
{
	struct leaks leaks;
	int i;

	leaks_begin(&leaks);
	for (i = 1; i <= 4; i++) {
		all(i, 0, i % 2);
		all(i, 1000000, !(i % 2));
	}
	for (i = 0; i < 3; i++)
		others_go_on(i);
	strangers();
	LEAKS_CHECK(&leaks);
	return tap_done();
}
