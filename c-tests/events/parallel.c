/* PROTO: test.mx */
/* Handlers of different connections run in parallel, as many as there are
 * dispatchers. */
#include "extra_rt.h"

enum { CONNS = 4 };

static struct counter inside = COUNTER_INIT, gate = COUNTER_INIT;

static mrpc_status_t ping(void *data, struct mrpc_message *msg)
{
	(void)data;
	(void)msg;
	counter_add(&inside, 1);
	COUNTER_WAIT(&gate, 1);
	return MINIRPC_OK;
}

static const struct test_server_operations ops = { .ping = ping };

int main(void)
{
	struct mrpc_connection *conns[CONNS];
	struct probe probes[CONNS];
	int peers[CONNS], i;
	struct end e;

	SECTION("%d handlers at once on %d dispatchers, not %d", CONNS, CONNS, CONNS + 1);
	end_open_server(&e, &ops, CONNS);
	for (i = 0; i < CONNS; i++) {
		probe_init(&probes[i]);
		peers[i] = end_add(e.set, &conns[i], &probes[i], i % 2);
		REQUIRE_EQ(test_server_set_operations(conns[i], &ops), 0);
		peer_send(peers[i], 1, PENDING, nr_test_ping, NULL, 0);
	}
	COUNTER_WAIT(&inside, CONNS);
	peer_send(e.fd, 1, PENDING, nr_test_ping, NULL, 0);
	STAYS(counter_get(&inside) == CONNS, 50);
	counter_add(&gate, 1);
	PEER_EXPECT(e.fd, 1, MINIRPC_OK, nr_test_ping, NULL, 0);
	for (i = 0; i < CONNS; i++) {
		PEER_EXPECT(peers[i], 1, MINIRPC_OK, nr_test_ping, NULL, 0);
		close(peers[i]);
		COUNTER_WAIT(&probes[i].disconnects, 1);
		mrpc_conn_unref(conns[i]);
	}
	end_close(&e);
	return tap_done();
}
