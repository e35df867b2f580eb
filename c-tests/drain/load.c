/* PROTO: test.mx */
/* NEEDS: additions */
/* MODES: plain asan */
/* TIMEOUT: 120 */
/*
 * mrpc_drain under load: 50 connections call while it runs, 200 times. No request that
 * was begun goes unanswered, each caller gets a refusal that says "not executed", and
 * the function returns in time. A caller that was not heard of for as long as our side waits
 * may find the connection gone instead.
 */
#include "drain.h"
#include "accept.h"

enum { CALLERS = 50, ROUNDS = 200, QUIET_MS = 50 };

static struct counter begun = COUNTER_INIT, answered = COUNTER_INIT;
static int64_t longest;
static struct counter refused = COUNTER_INIT, late = COUNTER_INIT;

static mrpc_status_t add(void *data, struct mrpc_message *msg, operands *in, number *out)
{
	(void)data;
	(void)msg;
	counter_add(&begun, 1);
	*out = in->a + in->b;
	return MINIRPC_OK;
}

static const struct test_server_operations ops = { .add = add };

static void *call(void *arg)
{
	struct mrpc_connection *conn = arg;
	operands in = { 2, 3 };
	number *sum = NULL;
	mrpc_status_t status;
	/* it may have been kept from reading an answer, and from the call that failed, be it
	 * the first */
	int64_t this = 0, last, now;

	do {
		last = this;
		this = now_ms();
		status = test_add(conn, &in, &sum);
		now = now_ms();
		if (status == MINIRPC_OK) {
			CHECK_EQ(*sum, 5);
			free_number(sum, 1);
			counter_add(&answered, 1);
		}
	} while (status == MINIRPC_OK);
	if (status == MINIRPC_PROCEDURE_UNAVAIL)
		counter_add(&refused, 1);
	else if (CHECK_EQ(status, MINIRPC_NETWORK_FAILURE) &&
		 CHECK_MSG(now - last >= QUIET_MS / 2, "no answer after %lld ms",
			   (long long)(now - last)))
		counter_add(&late, 1);
	mrpc_conn_close(conn);
	mrpc_conn_unref(conn);
	return NULL;
}

static void one_round(struct mrpc_conn_set *clients)
{
	struct mrpc_conn_set *set;
	struct mrpc_connection *conns[CALLERS];
	pthread_t threads[CALLERS];
	char *port = NULL;
	int64_t start, took;
	long before;
	int i;

	set = accept_open(accept_and_drop, &ops);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	REQUIRE_EQ(mrpc_listen(set, AF_INET, "127.0.0.1", &port), 0);
	for (i = 0; i < CALLERS; i++) {
		REQUIRE_EQ(mrpc_conn_create(&conns[i], clients, NULL), 0);
		REQUIRE_EQ(mrpc_connect(conns[i], AF_INET, "127.0.0.1", port), 0);
		COUNTER_WAIT(&accepted, i + 1); /* the backlog is 16 */
	}
	before = counter_get(&answered);
	for (i = 0; i < CALLERS; i++)
		threads[i] = thread_start(call, conns[i]);
	COUNTER_WAIT(&answered, before + 2 * CALLERS);
	start = now_ms();
	CHECK_EQ(mrpc_drain(set, (unsigned)scaled(20000)), 0);
	took = now_ms() - start;
	longest = took > longest ? took : longest;
	for (i = 0; i < CALLERS; i++)
		thread_join(threads[i]);
	free(port);
	mrpc_conn_set_unref(set);
}

int main(void)
{
	struct mrpc_conn_set *clients;
	int64_t end = now_ms() + scaled(60000);
	struct leaks leaks;
	int i;

	leaks_begin(&leaks);
	SECTION("%d rounds, %d callers", ROUNDS, CALLERS);
	REQUIRE_EQ(mrpc_conn_set_create(&clients, test_client, NULL), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(clients), 0);
	for (i = 0; i < ROUNDS && now_ms() < end; i++)
		one_round(clients);
	tap_note("%d rounds, %ld calls, %ld refused, %ld callers were away; longest %lld ms", i,
		 counter_get(&answered), counter_get(&refused), counter_get(&late),
		 (long long)longest);
	CHECK_EQ(counter_get(&begun), counter_get(&answered));
	CHECK_EQ(counter_get(&refused) + counter_get(&late), (long)i * CALLERS);
	mrpc_conn_set_unref(clients);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
