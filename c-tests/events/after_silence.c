/* PROTO: test.mx */
/*
 * After a silence, in which the library's threads have gone to sleep: while one
 * dispatcher handles an event that takes long, the other hears of what arrives on
 * other connections.
 */
#include "extra_rt.h"
#include "latency.h"

enum { ROUNDS = 8 };

static struct counter inside = COUNTER_INIT, gate = COUNTER_INIT;

static mrpc_status_t add(void *data, struct mrpc_message *msg, operands *in, number *out)
{
	(void)data;
	(void)msg;
	counter_add(&inside, 1);
	COUNTER_WAIT(&gate, in->a);
	*out = in->b;
	return MINIRPC_OK;
}

static const struct test_server_operations ops = { .add = add, .ping = answer_ping };

int main(void)
{
	/* Two: one of them belongs to the same loop as the first connection. */
	struct mrpc_connection *others[2];
	struct probe probes[2];
	struct end e;
	int fds[2], round, i;

	SECTION("an event that takes long, after silence");
	end_open_server(&e, &ops, 2);
	for (i = 0; i < 2; i++) {
		probe_init(&probes[i]);
		fds[i] = end_add(e.set, &others[i], &probes[i], false);
		REQUIRE_EQ(test_server_set_operations(others[i], &ops), 0);
	}
	for (round = 1; round <= ROUNDS; round++) {
		unsigned char data[8];

		pause_ms(60);
		put_u32(data, (uint32_t)round);
		put_u32(data + 4, (uint32_t)round);
		peer_send(e.fd, 1, PENDING, nr_test_add, data, sizeof(data));
		COUNTER_WAIT(&inside, round);
		for (i = 0; i < 2; i++) {
			peer_send(fds[i], 2, PENDING, nr_test_ping, NULL, 0);
			PEER_EXPECT(fds[i], 2, MINIRPC_OK, nr_test_ping, NULL, 0);
		}
		counter_add(&gate, 1);
		PEER_NUMBER(e.fd, 1, nr_test_add, round);
	}
	for (i = 0; i < 2; i++) {
		close(fds[i]);
		COUNTER_WAIT(&probes[i].disconnects, 1);
		mrpc_conn_unref(others[i]);
	}
	end_close(&e);
	return tap_done();
}
