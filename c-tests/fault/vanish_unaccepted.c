/* PROTO: test.mx */
/*
 * A peer that connects, sends and is gone before the accept event has fired:
 * accept, what had arrived, disconnect, in this order; for a reset, accept and
 * disconnect at the least.
 */
#include "fault.h"

enum { PEERS = 10, MESSAGES = 3 };

int main(void)
{
	struct leaks leaks;
	struct pollfd answer = { -1, POLLIN, 0 };
	int fd, i, n;

	leaks_begin(&leaks);
	SECTION("closed before the accept event");
	server_start(0);
	mrpc_dispatcher_add(server.set);
	for (n = 1; n <= PEERS; n++) {
		fd = peer_connect(server.port);
		for (i = 0; i < MESSAGES; i++)
			peer_number(fd, 0, nr_test_notify, i);
		close(fd);
		DISPATCH_UNTIL(server.set, counter_get(&server.accepted) == n);
		CHECK_EQ(counter_get(&server.messages), (n - 1) * MESSAGES);
		CHECK_EQ(counter_get(&server.ended), n - 1);
		DISPATCH_UNTIL(server.set, counter_get(&server.messages) == n * MESSAGES);
		CHECK_EQ(counter_get(&server.ended), n - 1);
		DISPATCH_UNTIL(server.set, counter_get(&server.ended) == n);
	}

	SECTION("reset before the accept event");
	for (; n <= 2 * PEERS; n++) {
		fd = peer_connect(server.port);
		peer_number(fd, 0, nr_test_notify, 1);
		peer_reset(fd);
		DISPATCH_UNTIL(server.set, counter_get(&server.accepted) == n);
		DISPATCH_UNTIL(server.set, counter_get(&server.ended) == n);
	}

	SECTION("the next one is served");
	answer.fd = fd = peer_connect(server.port);
	peer_send(fd, 7, PENDING, nr_test_ping, NULL, 0);
	DISPATCH_UNTIL(server.set, counter_get(&server.accepted) == n);
	DISPATCH_UNTIL(server.set, poll(&answer, 1, 0) == 1);
	PEER_EXPECT(fd, 7, MINIRPC_OK, nr_test_ping, NULL, 0);
	close(fd);
	DISPATCH_UNTIL(server.set, counter_get(&server.ended) == n);
	mrpc_dispatcher_remove(server.set);
	server_stop();
	LEAKS_CHECK(&leaks);
	return tap_done();
}
