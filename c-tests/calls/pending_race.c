/* PROTO: test.mx */
/*
 * Several threads reply to the same request at once: exactly one of them
 * succeeds, and the caller gets that one's reply. Several threads reply while
 * the connection goes away: OK or NETWORK_FAILURE, and nothing else happens.
 */
#include "calls.h"
#include "keep.h"

enum { THREADS = 4, ROUNDS = 150, KEPT = 40 };

static pthread_barrier_t start;
static int winners, winner;
static struct pair p;

static const struct test_server_operations ops = { .later = keep_later };

static void *reply_first(void *arg)
{
	number n = (int)(intptr_t)arg;
	mrpc_status_t status;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		pthread_barrier_wait(&start);
		status = n == 0 ? test_later_send_async_reply_error(kept[i], 100)
				: answer_kept(i, n);
		if (status == MINIRPC_OK) {
			__atomic_store_n(&winner, n, __ATOMIC_SEQ_CST);
			__atomic_add_fetch(&winners, 1, __ATOMIC_SEQ_CST);
		}
		pthread_barrier_wait(&start);
	}
	return NULL;
}

static struct counter replies = COUNTER_INIT;
static int got;

static void on_reply(void *data, void *private, mrpc_status_t status, number *reply)
{
	(void)data;
	(void)private;
	if (reply != NULL)
		CHECK_EQ(status, MINIRPC_OK);
	got = reply != NULL ? *reply : 0;
	CHECK(reply != NULL || status == 100);
	counter_add(&replies, 1);
}

static void one_winner(void)
{
	pthread_t threads[THREADS];
	number zero = 0;
	int i;

	pthread_barrier_init(&start, NULL, THREADS + 1);
	pair_open(&p, PAIR_SOCKETPAIR, test_client, test_server);
	REQUIRE_EQ(test_server_set_operations(p.server, &ops), 0);
	for (i = 0; i < THREADS; i++)
		threads[i] = thread_start(reply_first, (void *)(intptr_t)i);
	for (i = 0; i < ROUNDS; i++) {
		winners = 0;
		CHECK_EQ(test_later_async(p.client, on_reply, NULL, &zero), MINIRPC_OK);
		COUNTER_WAIT(&keeps, i + 1);
		pthread_barrier_wait(&start);
		pthread_barrier_wait(&start);
		COUNTER_WAIT(&replies, i + 1);
		CHECK_EQ(winners, 1);
		CHECK_EQ(got, winner);
	}
	for (i = 0; i < THREADS; i++)
		thread_join(threads[i]);
	pair_close(&p);
	CHECK_EQ(counter_get(&replies), ROUNDS);
	pthread_barrier_destroy(&start);
}

static void *reply_all(void *arg)
{
	int i;

	pthread_barrier_wait(&start);
	for (i = (int)(intptr_t)arg; i < KEPT; i += THREADS) {
		mrpc_status_t status = answer_kept(i, 1);

		CHECK(status == MINIRPC_OK || status == MINIRPC_NETWORK_FAILURE);
	}
	return NULL;
}

static void going_away(bool by_us)
{
	pthread_t threads[THREADS];
	struct end e;
	int i;

	counter_init(&keeps);
	pthread_barrier_init(&start, NULL, THREADS + 1);
	end_open_server(&e, &ops, 1);
	for (i = 0; i < KEPT; i++)
		peer_number(e.fd, (uint32_t)i, nr_test_later, i);
	COUNTER_WAIT(&keeps, KEPT);
	for (i = 0; i < THREADS; i++)
		threads[i] = thread_start(reply_all, (void *)(intptr_t)i);
	pthread_barrier_wait(&start);
	if (by_us)
		CHECK_EQ(mrpc_conn_close(e.conn), 0);
	end_close(&e);
	for (i = 0; i < THREADS; i++)
		thread_join(threads[i]);
	for (i = 0; i < KEPT; i++)
		CHECK_EQ(test_later_send_async_reply_error(kept[i], 5), MINIRPC_NETWORK_FAILURE);
	pthread_barrier_destroy(&start);
}

int main(void)
{
	struct leaks leaks;
	int i;

	leaks_begin(&leaks);
	SECTION("%d threads reply to one request", THREADS);
	one_winner();
	LEAKS_CHECK(&leaks);
	SECTION("the connection goes away meanwhile");
	for (i = 0; i < 40; i++)
		going_away(i % 2);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
