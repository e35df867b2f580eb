/* PROTO: test.mx */
/*
 * Requests, messages and replies of one connection are dispatched in the order
 * of their arrival, one at a time, however many dispatchers there are; replies
 * leave in the order of their requests.
 */
#include "extra_rt.h"

enum { ROUNDS = 400, DISPATCHERS = 4 };

static struct trace trace = TRACE_INIT;
static int inside;

static void one_event(int value)
{
	CHECK_EQ(__atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST), 1);
	trace_add(&trace, value);
	__atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST);
}

static void event(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	one_event(*in);
}

static mrpc_status_t client_later(void *data, struct mrpc_message *msg, number *in,
				  number *out)
{
	(void)data;
	(void)msg;
	one_event(*in);
	*out = *in;
	return MINIRPC_OK;
}

static void replied(void *data, void *private, mrpc_status_t status, number *reply)
{
	(void)data;
	(void)private;
	CHECK_EQ(status, MINIRPC_OK);
	one_event(reply != NULL ? *reply : -1);
}

static const struct test_client_operations ops = {
	.event = event, .client_later = client_later
};

int main(void)
{
	struct end e;
	struct frame f;
	uint32_t *seqs = calloc(ROUNDS, sizeof(*seqs));
	int i, value = 0;

	SECTION("order of arrival, with %d dispatchers", DISPATCHERS);
	end_open_client(&e, &ops, DISPATCHERS);
	for (i = 0; i < ROUNDS; i++)
		REQUIRE_EQ(test_later_async(e.conn, replied, NULL, &i), MINIRPC_OK);
	for (i = 0; i < ROUNDS; i++) {
		peer_recv(e.fd, &f);
		seqs[i] = f.seq;
		free(f.data);
	}
	for (i = 0; i < ROUNDS; i++) {
		peer_number(e.fd, 7, nr_test_event, value++);
		peer_number(e.fd, (uint32_t)i, nr_test_client_later, value++);
		peer_reply_number(e.fd, seqs[i], nr_test_later, value++);
	}
	REQUIRE(TRACE_WAIT(&trace, 3 * ROUNDS));
	for (i = 0; i < 3 * ROUNDS; i++)
		if (!CHECK_EQ(trace.values[i], i))
			break;

	SECTION("replies leave in the order of the requests");
	for (i = 0; i < ROUNDS; i++)
		if (!PEER_NUMBER(e.fd, (uint32_t)i, nr_test_client_later, 3 * i + 1))
			break;
	end_close(&e);
	free(seqs);
	return tap_done();
}
