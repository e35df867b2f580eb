/* PROTO: test.mx */
/* NEEDS: additions */
/* TIMEOUT: 60 */
/*
 * mrpc_set_request_limit: no more than so many requests of one connection are
 * dispatched and unanswered, those that handlers keep included; it is not read
 * from until one is answered. A sync call of ours reads on, to 16 times the bound.
 */
#include "held.h"
#include "keep.h"

enum { LIMIT = 4, HARD = 16 * LIMIT, COUNT = 30, BUSY = -9 };

static bool holds;

static mrpc_status_t later(void *data, struct mrpc_message *msg, number *in, number *out)
{
	long n = counter_get(&keeps);

	(void)data;
	(void)out;
	if (holds && n == 0)
		hold();
	CHECK_EQ(*in, n);
	return keep(msg);
}

static const struct test_server_operations ops = {
	.ping = answer_ping, .later = later, .notify = count_notify
};

static void open_limited(struct held *h, bool tcp, unsigned limit)
{
	counter_init(&keeps);
	held_open(h, &ops, 2, tcp, 0);
	REQUIRE_EQ(mrpc_set_request_limit(h->e.set, limit), 0);
}

static bool offer(struct held *h, int n)
{
	return offer_number(h, 1000 + (uint32_t)n, nr_test_later, n);
}

/* The reply to the request of this number. */
static void answer(struct held *h, int n)
{
	CHECK_EQ(answer_kept(n, 7 * n), MINIRPC_OK);
	PEER_NUMBER(h->e.fd, 1000 + (uint32_t)n, nr_test_later, 7 * n);
}

/* From first to last, as they come. */
static void answer_rest(struct held *h, int first, int count)
{
	for (; first < count; first++)
		if (COUNTER_WAIT(&keeps, first + 1))
			answer(h, first);
	peer_send(h->e.fd, 9, PENDING, nr_test_ping, NULL, 0);
	PEER_EXPECT(h->e.fd, 9, MINIRPC_OK, nr_test_ping, NULL, 0);
	held_close(h);
	CHECK_EQ(counter_get(&h->e.probe.ioerrs), 0);
}

static void one_by_one(bool tcp)
{
	struct held h;
	int n = 0, i;

	SECTION("%d are kept, the next is not read", LIMIT);
	open_limited(&h, tcp, LIMIT);
	while (n < 3 * LIMIT && offer(&h, n))
		n++;
	BETWEEN(n, LIMIT, LIMIT + 1);
	COUNTER_WAIT(&keeps, LIMIT);
	CHECK_EQ(counter_get(&keeps), LIMIT);

	SECTION("for each that is answered, another one is dispatched");
	for (n++; n < COUNT; n++)
		peer_number(h.e.fd, 1000 + (uint32_t)n, nr_test_later, n);
	for (i = 0; i < COUNT - LIMIT; i++) {
		answer(&h, i);
		COUNTER_WAIT(&keeps, LIMIT + i + 1);
		STAYS(counter_get(&keeps) == LIMIT + i + 1, 5);
	}
	answer_rest(&h, i, COUNT);
}

/* COUNT requests in one write. */
static void offer_burst(struct held *h)
{
	unsigned char burst[COUNT * (HEADER_LEN + 4)], *at = burst;
	int i;

	for (i = 0; i < COUNT; i++, at += HEADER_LEN + 4) {
		peer_header(at, 1000 + (uint32_t)i, PENDING, nr_test_later, 4);
		put_u32(at + HEADER_LEN, (uint32_t)i);
	}
	peer_write(h->e.fd, burst, sizeof(burst));
}

static void in_a_batch(bool tcp)
{
	struct held h;

	SECTION("set while the first of %d is handled: it holds for the second", COUNT);
	open_limited(&h, tcp, 0);
	holds = true;
	offer_burst(&h);
	COUNTER_WAIT(&begun, 1);
	REQUIRE_EQ(mrpc_set_request_limit(h.e.set, LIMIT), 0);
	counter_add(&tickets, 1);
	COUNTER_WAIT(&keeps, LIMIT);
	STAYS(counter_get(&keeps) == LIMIT, 20);
	holds = false;
	answer_rest(&h, 0, COUNT);
}

static void in_one_write(bool tcp)
{
	struct held h;

	SECTION("%d come with one read: %d are dispatched, the others wait", COUNT, LIMIT);
	open_limited(&h, tcp, LIMIT);
	offer_burst(&h);
	COUNTER_WAIT(&keeps, LIMIT);
	STAYS(counter_get(&keeps) == LIMIT, 20);
	answer(&h, 2);
	COUNTER_WAIT(&keeps, LIMIT + 1);
	STAYS(counter_get(&keeps) == LIMIT + 1, 5);
	answer(&h, 0);
	answer(&h, 1);
	COUNTER_WAIT(&keeps, LIMIT + 3);
	answer_rest(&h, 3, COUNT);
}

static void what_counts(bool tcp)
{
	struct held h;
	int i;

	SECTION("messages and requests that are refused do not count");
	counter_init(&notified);
	open_limited(&h, tcp, LIMIT);
	for (i = 0; i < LIMIT - 1; i++)
		CHECK(offer(&h, i));
	for (i = 0; i < 3 * LIMIT; i++) {
		CHECK(offer_number(&h, 0, nr_test_notify, i));
		CHECK(offer_number(&h, 2000 + (uint32_t)i, 77, i));
		PEER_EXPECT(h.e.fd, 2000 + (uint32_t)i, MINIRPC_PROCEDURE_UNAVAIL, 77, NULL, 0);
	}
	CHECK_EQ(counter_get(&notified), 3 * LIMIT);
	peer_send(h.e.fd, 9, PENDING, nr_test_ping, NULL, 0);
	PEER_EXPECT(h.e.fd, 9, MINIRPC_OK, nr_test_ping, NULL, 0);
	CHECK(offer(&h, LIMIT - 1));
	COUNTER_WAIT(&keeps, LIMIT);
	CHECK_EQ(counter_get(&keeps), LIMIT);
	answer_rest(&h, 0, LIMIT);
}

static void changed(bool tcp)
{
	struct held h;
	int n = 0;

	SECTION("raised: the next are dispatched at once");
	open_limited(&h, tcp, LIMIT);
	while (n < 3 * LIMIT && offer(&h, n))
		n++;
	REQUIRE_EQ(mrpc_set_request_limit(h.e.set, 2 * LIMIT), 0);
	CHECK(taken(&h));
	COUNTER_WAIT(&keeps, n + 1);

	SECTION("none");
	REQUIRE_EQ(mrpc_set_request_limit(h.e.set, 0), 0);
	for (n++; n < 10 * LIMIT; n++)
		CHECK(offer(&h, n));
	COUNTER_WAIT(&keeps, n);

	SECTION("lowered: none more until there are fewer");
	REQUIRE_EQ(mrpc_set_request_limit(h.e.set, LIMIT), 0);
	offer(&h, n);
	STAYS(counter_get(&keeps) == n, 20);
	answer_rest(&h, 0, n + 1);
}

static void *call(void *conn)
{
	mrpc_status_t *status = malloc(sizeof(*status));

	*status = test_client_ping(conn);
	return status;
}

static void sync_call(bool tcp, bool in_time)
{
	mrpc_status_t *status;
	pthread_t thread;
	struct held h;
	struct frame f;
	int n = 0;

	SECTION("a sync call reads on, %s", in_time ? "to its reply" : "to 16 times the bound");
	open_limited(&h, tcp, LIMIT);
	while (n < LIMIT && offer(&h, n))
		n++;
	thread = thread_start(call, h.e.conn);
	peer_recv(h.e.fd, &f);
	CHECK_EQ(f.cmd, nr_test_client_ping);
	while (n < (in_time ? HARD / 2 : 2 * HARD) && offer(&h, n))
		n++;
	if (!in_time)
		BETWEEN(n, HARD, HARD + 1);
	peer_send(h.e.fd, f.seq, MINIRPC_OK, nr_test_client_ping, NULL, 0);
	status = thread_join(thread);
	CHECK_EQ(*status, in_time ? MINIRPC_OK : BUSY);
	COUNTER_WAIT(&keeps, LIMIT);
	CHECK_EQ(counter_get(&keeps), LIMIT);
	free(status);
	free(f.data);
	answer_rest(&h, 0, in_time ? n : n + 1);
}

int main(void)
{
	struct leaks leaks;
	int tcp;

	leaks_begin(&leaks);
	CHECK_EQ(mrpc_set_request_limit(NULL, 1), EINVAL);
	for (tcp = 0; tcp < 2; tcp++) {
		one_by_one(tcp);
		in_one_write(tcp);
		in_a_batch(tcp);
		what_counts(tcp);
		changed(tcp);
		sync_call(tcp, true);
		sync_call(tcp, false);
		LEAKS_CHECK(&leaks);
	}
	return tap_done();
}
