/* PROTO: test.mx */
/* The next event of a connection waits until the handler has returned. */
#include "extra_rt.h"

static struct counter entered = COUNTER_INIT, gate = COUNTER_INIT;

static void notify(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	counter_add(&entered, 1);
	if (*in == 0)
		COUNTER_WAIT(&gate, 1);
}

static mrpc_status_t put(void *data, struct mrpc_message *msg, number *in)
{
	notify(data, msg, in);
	return MINIRPC_OK;
}

static const struct test_server_operations ops = { .notify = notify, .put = put };

int main(void)
{
	struct end e;
	int i;

	SECTION("a handler holds the events behind it, with three dispatchers idle");
	end_open_server(&e, &ops, 4);
	for (i = 0; i < 3; i++) {
		peer_number(e.fd, 0, nr_test_notify, i);
		peer_number(e.fd, (uint32_t)i, nr_test_put, i + 1);
	}
	COUNTER_WAIT(&entered, 1);
	STAYS(counter_get(&entered) == 1, 100);
	PEER_QUIET(e.fd, 0);
	counter_add(&gate, 1);
	COUNTER_WAIT(&entered, 6);
	for (i = 0; i < 3; i++)
		PEER_EXPECT(e.fd, (uint32_t)i, MINIRPC_OK, nr_test_put, NULL, 0);
	end_close(&e);
	return tap_done();
}
