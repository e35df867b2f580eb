/* PROTO: test.mx */
/* NEEDS: additions */
/*
 * Connections that move from loop to loop under traffic lose nothing: each message is
 * handled once and in its order, each request is answered, in both directions, also
 * while sync callers read for themselves; and the end of a connection is told once.
 */
#include "loops.h"

#include <poll.h>

enum { CONNS = 10, CALLERS = 3, ROUNDS = 150, BURST = 20 };

static long seen[CONNS];
static struct counter over = COUNTER_INIT;

static const struct test_server_operations ops = { .ping = answer_ping, .notify = in_order };

static void *change_bounds(void *arg)
{
	struct many *m = arg;
	unsigned bound = 1;

	while (counter_get(&over) == 0) {
		CHECK_EQ(mrpc_set_max_loops(m->set, bound), 0);
		bound = !bound;
		pause_ms(2);
	}
	return NULL;
}

/* Ours calls a peer, which answers all that comes. */
static void *call(void *arg)
{
	struct mrpc_connection *conn = arg;

	while (counter_get(&over) == 0)
		CHECK_EQ(test_client_ping(conn), MINIRPC_OK);
	return NULL;
}

static void *answer(void *arg)
{
	struct pollfd p = { *(int *)arg, POLLIN, 0 };
	unsigned char head[HEADER_LEN];

	while (counter_get(&over) < 2)
		if (poll(&p, 1, 20) > 0) {
			REQUIRE(peer_read(p.fd, head, sizeof(head)));
			peer_send(p.fd, get_u32(head), MINIRPC_OK, nr_test_client_ping, NULL, 0);
		}
	return NULL;
}

int main(void)
{
	pthread_t changing, calling[CALLERS], answering[CALLERS];
	unsigned char burst[BURST * (HEADER_LEN + 4)], *at;
	struct leaks leaks;
	struct many m;
	int i, k, round;

	leaks_begin(&leaks);
	SECTION("messages, requests and calls while loops come and go");
	many_set(&m, 3);
	many_connect(&m, CONNS, &ops, seen);
	changing = thread_start(change_bounds, &m);
	for (i = 0; i < CALLERS; i++) {
		answering[i] = thread_start(answer, &m.fds[i]);
		calling[i] = thread_start(call, m.conns[i]);
	}
	for (round = 0; round < ROUNDS; round++) {
		for (i = CALLERS; i < CONNS; i++) {
			for (at = burst, k = 0; k < BURST; k++, at += HEADER_LEN + 4) {
				peer_header(at, 0, PENDING, nr_test_notify, 4);
				put_u32(at + HEADER_LEN, (uint32_t)m.next[i]++);
			}
			peer_write(m.fds[i], burst, sizeof(burst));
			peer_send(m.fds[i], 1, PENDING, nr_test_ping, NULL, 0);
		}
		for (i = CALLERS; i < CONNS; i++)
			PEER_EXPECT(m.fds[i], 1, MINIRPC_OK, nr_test_ping, NULL, 0);
	}
	counter_add(&over, 1);
	thread_join(changing);
	for (i = 0; i < CALLERS; i++)
		thread_join(calling[i]);
	counter_add(&over, 1);
	for (i = 0; i < CALLERS; i++)
		thread_join(answering[i]);
	for (i = CALLERS; i < CONNS; i++)
		CHECK_EQ(seen[i], m.next[i]);
	many_close(&m);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
