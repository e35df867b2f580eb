/* PROTO: test.mx */
/*
 * Nothing to do costs no processor time: after a burst, with connections and
 * listeners open, with events stopped or nobody to run them, with peers half
 * gone.
 */
#include "fault.h"

static void check_idle(const char *what, int ms)
{
	double used;

	SECTION("idle: %s", what);
	STAYS(true, 30);        /* what was going on may end */
	used = cpu_ms();
	STAYS(true, ms);
	used = cpu_ms() - used;
	CHECK_MSG(used < (double)scaled(ms) / 4, "used %.0f of %d ms", used, ms);
}

int main(void)
{
	struct leaks leaks;
	struct pair p, slow;
	struct end byhand;
	number n = 0;
	int fd, i;

	leaks_begin(&leaks);
	server_start(2);
	pair_open(&p, PAIR_TCP, test_client, test_server);
	CHECK_EQ(test_server_set_operations(p.server, &server_ops), 0);
	for (i = 0; i < 300; i++)
		CHECK_EQ(test_ping(p.client), MINIRPC_OK);
	check_idle("after a burst of calls", 1000);

	pair_open(&slow, PAIR_SOCKETPAIR, test_client, test_server);
	CHECK_EQ(mrpc_stop_events(slow.server), 0);
	for (i = 0; i < 100; i++)
		CHECK_EQ(test_notify(slow.client, &n), MINIRPC_OK);
	check_idle("events stopped, messages queued", 300);
	CHECK_EQ(mrpc_start_events(slow.server), 0);

	end_open(&byhand, test_server, BY_HAND, false);
	for (i = 0; i < 100; i++)
		peer_number(byhand.fd, 0, nr_test_notify, i);
	check_idle("events queued, no dispatcher", 300);

	close(byhand.fd);
	byhand.fd = -1;
	check_idle("a connection has ended, no dispatcher", 300);
	DISPATCH_UNTIL(byhand.set, counter_get(&byhand.probe.disconnects) == 1);
	end_close(&byhand);

	fd = server_peer();
	peer_number(fd, 1, nr_test_put, 1);     /* waits for the gate */
	REQUIRE_EQ(shutdown(fd, SHUT_WR), 0);
	check_idle("the peer has closed, its request is in the handler", 300);
	counter_add(&server.gate, 1);
	close(fd);

	pair_close(&slow);
	pair_close(&p);
	server_stop();
	LEAKS_CHECK(&leaks);
	return tap_done();
}
