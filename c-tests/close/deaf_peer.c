/* PROTO: test.mx */
/*
 * A peer that has ended its receiving side, and says nothing more: after the next
 * send the connection ends, with an ioerr and its reason, and a sync caller that
 * waits for its reply returns.
 */
#include "extra_rt.h"

static struct counter returned = COUNTER_INIT;

static void *call(void *arg)
{
	struct end *e = arg;

	CHECK_EQ(test_ping(e->conn), MINIRPC_NETWORK_FAILURE);
	counter_add(&returned, 1);
	return NULL;
}

static void run(bool waits)
{
	number value = 1;
	pthread_t thread;
	struct frame f;
	struct end e;

	counter_init(&returned);
	end_open_client(&e, NULL, 1);
	if (waits) {
		thread = thread_start(call, &e);
		peer_recv(e.fd, &f);
		CHECK_EQ(f.cmd, nr_test_ping);
		free(f.data);
	}
	REQUIRE_EQ(shutdown(e.fd, SHUT_RD), 0);
	STAYS(counter_get(&returned) == 0 && counter_get(&e.probe.disconnects) == 0, 50);
	test_notify(e.conn, &value);
	COUNTER_WAIT(&e.probe.disconnects, 1);
	if (waits)
		thread_join(thread);
	CHECK_EQ(counter_get(&e.probe.ioerrs), 1);
	CHECK_EQ(e.probe.reason, MRPC_DISC_IOERR);
	end_close(&e);
}

int main(void)
{
	SECTION("a send");
	run(false);
	SECTION("a sync caller that waits while another thread's send fails");
	run(true);
	return tap_done();
}
