/* PROTO: test.mx */
/* NEEDS: additions */
/* TIMEOUT: 120 */
/*
 * While a dispatcher stays in its handler, requests to the loop that it drove are
 * served by another one that waits for them, as soon as those of its own: not at the
 * next tick.
 */
#include "loops.h"

enum { CONNS = 4, ROUNDS = 40, WARM_UP = 20, ATTEMPTS = 20 };

static const struct test_server_operations ops = { .ping = answer_ping, .put = hold };

/* Of one connection in each loop: the medians, in microseconds, the lower one first. */
static void measure(int64_t median[2])
{
	int64_t took[2][ROUNDS / 2], begun, first;
	struct many m;
	int i, fd;

	counter_init(&held);
	counter_init(&go_on);
	many_set(&m, 2);
	many_connect(&m, CONNS, &ops, NULL);
	peer_number(m.fds[0], 7, nr_test_put, 1);
	COUNTER_WAIT(&held, 1);
	for (i = -WARM_UP; i < ROUNDS; i++) {
		fd = m.fds[2 + (i & 1)];
		begun = now_us();
		peer_send(fd, 1, PENDING, nr_test_ping, NULL, 0);
		PEER_EXPECT(fd, 1, MINIRPC_OK, nr_test_ping, NULL, 0);
		if (i >= 0)
			took[i & 1][i / 2] = now_us() - begun;
	}
	counter_add(&go_on, 1);
	PEER_EXPECT(m.fds[0], 7, MINIRPC_OK, nr_test_put, NULL, 0);
	many_close(&m);
	for (i = 0; i < 2; i++) {
		qsort(took[i], ROUNDS / 2, sizeof(took[i][0]), latency_order);
		median[i] = took[i][ROUNDS / 4];
	}
	if (median[0] > median[1]) {
		first = median[0];
		median[0] = median[1];
		median[1] = first;
	}
}

int main(void)
{
	int64_t median[2] = { 0, 0 };
	struct leaks leaks;
	int attempt;

	leaks_begin(&leaks);
	SECTION("requests to both loops");
	for (attempt = 0; attempt < ATTEMPTS; attempt++) {
		measure(median);
		tap_note("medians %lld us, %lld us", (long long)median[0], (long long)median[1]);
		if (median[1] < 4 * median[0] + 100)
			break;
	}
	CHECK_MSG(attempt < ATTEMPTS, "%lld us, %lld us", (long long)median[0],
		  (long long)median[1]);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
