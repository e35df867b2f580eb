/* PROTO: test.mx */
/* NEEDS: additions */
/* TIMEOUT: 120 */
/*
 * While a dispatcher stays in its handler, requests to the loop that it drove are
 * served by another one, which waits for them: not tick by tick.
 */
#include "loops.h"

enum { CONNS = 4, ROUNDS = 40, WARM_UP = 20 };

static struct counter held = COUNTER_INIT, go_on = COUNTER_INIT;

static mrpc_status_t hold(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	(void)in;
	counter_add(&held, 1);
	while (counter_get(&go_on) == 0)
		tap_pause();
	return MINIRPC_OK;
}

static const struct test_server_operations ops = { .ping = at_once, .put = hold };

/* Of one connection in each loop. */
static void measure(int64_t *took)
{
	struct many m;
	int64_t begun;
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
			took[i] = now_us() - begun;
	}
	counter_add(&go_on, 1);
	PEER_EXPECT(m.fds[0], 7, MINIRPC_OK, nr_test_put, NULL, 0);
	many_close(&m);
}

int main(void)
{
	struct leaks leaks;

	leaks_begin(&leaks);
	SECTION("a request to either loop");
	latency_check(measure, ROUNDS);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
