/* PROTO: test.mx */
/* NEEDS: additions */
/* TIMEOUT: 60 */
/*
 * A peer that goes away while it is not read from, for whatever bound: what had
 * arrived is dispatched, calls fail, and the connection ends, without a wait.
 */
#include "held.h"
#include "keep.h"

enum { LEN = 4000 };
enum bound { EVENTS, REQUESTS, REPLIES, BOUNDS };
enum going { CLOSE, RESET, HALF };

static const char *const bounds[] = { "event", "request", "reply" };
static const char *const ends[] = { "closes", "resets", "ends its side, then closes" };

static const struct test_server_operations ops = {
	.ping = answer_ping, .echo = limits_echo, .later = keep_later, .notify = hold_message
};

/* Until the next is not read; how many were. */
static int fill(struct held *h, enum bound bound)
{
	int n = 0, next = 0;

	switch (bound) {
	case EVENTS:
		REQUIRE_EQ(mrpc_set_event_limit(h->e.set, 8, MIB), 0);
		n = offer_notifies(h, &next, 100);
		break;
	case REQUESTS:
		REQUIRE_EQ(mrpc_set_request_limit(h->e.set, 4), 0);
		while (n < 20 && offer_number(h, (uint32_t)n, nr_test_later, n))
			n++;
		break;
	default:
		REQUIRE_EQ(mrpc_set_reply_limit(h->e.set, 5 * LEN), 0);
		n = offer_echoes(h, 0, 10000, LEN, 5 * LEN);
	}
	CHECK(unread(h->ours) > 0);
	return n;
}

static void go(struct held *h, enum going end)
{
	if (end == HALF)
		REQUIRE_EQ(shutdown(h->e.fd, SHUT_WR), 0);
	if (end == RESET)
		peer_reset(h->e.fd);
	else
		close(h->e.fd);
	h->e.fd = -1;
}

static void run(enum bound bound, enum going end, bool tcp)
{
	struct held h;
	int64_t stop;
	int i, n;

	SECTION("over the %s limit, the peer %s, %s", bounds[bound], ends[end],
		tcp ? "TCP" : "AF_UNIX");
	counter_init(&keeps);
	held_open(&h, &ops, 2, tcp, tcp ? 0 : 4096);
	n = fill(&h, bound);
	go(&h, end);
	stop = now_ms() + scaled(5000);
	if (bound == EVENTS) {
		counter_add(&tickets, NO_END / 2);
		COUNTER_WAIT(&done, n);
	}
	/* Who ended its side only still gets its replies, as far as we can know. */
	for (i = 0; end != RESET && counter_get(&h.e.probe.disconnects) == 0 && now_ms() < stop;) {
		if (i < counter_get(&keeps))
			answer_kept(i++, 1);
		else
			tap_pause();
	}
	WAIT_FOR_MS(counter_get(&h.e.probe.disconnects) == 1, 1000);
	CHECK_EQ(test_tick(h.e.conn), MINIRPC_NETWORK_FAILURE);
	for (; i < counter_get(&keeps); i++)
		CHECK_EQ(answer_kept(i, 1), MINIRPC_NETWORK_FAILURE);
	held_close(&h);
}

int main(void)
{
	struct leaks leaks;
	int bound, end, tcp;

	leaks_begin(&leaks);
	for (bound = EVENTS; bound < BOUNDS; bound++) {
		for (tcp = 0; tcp < 2; tcp++) {
			for (end = CLOSE; end <= HALF; end++) {
				if (end == RESET && !tcp)
					continue;
				run((enum bound)bound, (enum going)end, tcp);
				if (!LEAKS_CHECK(&leaks))
					return tap_done();
			}
		}
	}
	return tap_done();
}
