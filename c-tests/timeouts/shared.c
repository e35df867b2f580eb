/* PROTO: test.mx */
/* NEEDS: additions */
/* TIMEOUT: 60 */
/*
 * Callers that share a connection, of which one reads for all: each ends when its own time is
 * up, and whoever is left has somebody who reads. A caller whose time is up may be the reader,
 * or about to become it.
 */
#include "timeouts.h"

enum { CALLERS = 12 };

struct caller {
	struct mrpc_connection *conn;
	unsigned ms;            /* 0: for ever */
	mrpc_status_t status;
	int64_t us;
};

static void *run(void *arg)
{
	struct caller *c = arg;
	struct mrpc_call_options o = with(c->ms, NULL);
	int64_t start = now_us();
	number *out;

	c->status = test_get_with(c->conn, &o, &out);
	c->us = now_us() - start;
	free_number(out, 1);
	return NULL;
}

/* Every other caller waits for ever; the times of the others are `by` apart. */
static void some_time_out(unsigned first, int by, int threads)
{
	pthread_t thread[CALLERS];
	struct caller c[CALLERS];
	uint32_t seqs[CALLERS];
	struct end e;
	int i;

	SECTION("from %u ms on, %d ms apart, %d dispatchers", first, by, threads);
	end_open(&e, test_client, threads, true);
	for (i = 0; i < CALLERS; i++) {
		c[i].conn = e.conn;
		c[i].ms = i % 2 ? 0 : (unsigned)((int)first + by * i);
		thread[i] = thread_start(run, &c[i]);
		seqs[i] = peer_request(e.fd, nr_test_get);
	}
	for (i = 0; i < CALLERS; i += 2) {
		thread_join(thread[i]);
		CHECK_EQ(c[i].status, TIMEDOUT);
		ON_TIME(c[i].us, c[i].ms);
	}
	/* The others are still there, and somebody reads. */
	for (i = CALLERS - 1; i >= 0; i--) {
		peer_reply_number(e.fd, seqs[i], nr_test_get, i);
		if (i % 2) {
			PROMPT(thread_join(thread[i]));
			CHECK_EQ(c[i].status, MINIRPC_OK);
		}
	}
	TIMES_OUT(e.conn, 1);
	CHECK_EQ(counter_get(&e.probe.ioerrs), 0);
	end_close(&e);
}

/* One has slept for most of its time when it becomes the reader. */
static void the_last_to_read(void)
{
	struct caller c[2] = { { .ms = 2700 }, { .ms = 3000 } };
	pthread_t thread[2];
	struct end e;
	int i;

	SECTION("a sleeper that reads in the end");
	end_open(&e, test_client, 1, true);
	for (i = 0; i < 2; i++) {
		c[i].conn = e.conn;
		thread[i] = thread_start(run, &c[i]);
		peer_request(e.fd, nr_test_get);
	}
	for (i = 0; i < 2; i++) {
		thread_join(thread[i]);
		CHECK_EQ(c[i].status, TIMEDOUT);
		ON_TIME(c[i].us, c[i].ms);
	}
	end_close(&e);
}

int main(void)
{
	struct leaks leaks;

	leaks_begin(&leaks);
	/* The reader's time is up first; it is last; all are at about the same time. */
	some_time_out(40, 10, 1);
	some_time_out(160, -10, 1);
	some_time_out(50, 0, 1);
	some_time_out(50, 0, BY_HAND);
	the_last_to_read();
	LEAKS_CHECK(&leaks);
	return tap_done();
}
