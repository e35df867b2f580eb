/* PROTO: test.mx */
/* mrpc_stop_events, inside a handler or by another thread while it runs: no event
 * follows, also of those that arrived together with the one that is handled. */
#include "extra_rt.h"

enum { MESSAGES = 20 };

static struct counter seen = COUNTER_INIT, stopped = COUNTER_INIT;
static bool inside;

static void notify(void *data, struct mrpc_message *msg, number *in)
{
	struct end *e = ((struct probe *)data)->user;

	(void)msg;
	CHECK_EQ(*in, counter_get(&seen));
	counter_add(&seen, 1);
	if (*in > 0)
		return;
	if (inside)
		CHECK_EQ(mrpc_stop_events(e->conn), 0);
	else
		COUNTER_WAIT(&stopped, 1);
}

static const struct test_server_operations ops = { .notify = notify };

static void run(int threads)
{
	unsigned char data[MESSAGES * (HEADER_LEN + 4)], *at = data;
	struct end e;
	int i;

	counter_init(&seen);
	counter_init(&stopped);
	end_open_server(&e, &ops, threads);
	e.probe.user = &e;
	for (i = 0; i < MESSAGES; i++, at += HEADER_LEN + 4) {
		peer_header(at, (uint32_t)i, PENDING, nr_test_notify, 4);
		put_u32(at + HEADER_LEN, (uint32_t)i);
	}
	peer_write(e.fd, data, sizeof(data));
	COUNTER_WAIT(&seen, 1);
	if (!inside) {
		CHECK_EQ(mrpc_stop_events(e.conn), 0);
		counter_add(&stopped, 1);
	}
	STAYS(counter_get(&seen) == 1, 50);
	CHECK_EQ(mrpc_start_events(e.conn), 0);
	COUNTER_WAIT(&seen, MESSAGES);
	end_close(&e);
}

int main(void)
{
	int i;

	for (i = 0; i < 4; i++) {
		inside = i % 2 == 0;
		SECTION("%s, %d dispatchers", inside ? "inside" : "by another thread", 1 + i / 2);
		run(1 + i / 2);
	}
	return tap_done();
}
