/* PROTO: test.mx */
/*
 * A listener holds its set, also when every reference has been dropped: it goes
 * on accepting, until mrpc_listen_close, which may be the last that is done with
 * the set.
 */
#include "destroy.h"
#include "accept.h"

static const struct test_server_operations ops = { .ping = answer_ping };

static int served(const char *port)
{
	int fd = peer_connect(port);

	peer_send(fd, 5, PENDING, nr_test_ping, NULL, 0);
	PEER_EXPECT(fd, 5, MINIRPC_OK, nr_test_ping, NULL, 0);
	return fd;
}

int main(void)
{
	struct mrpc_conn_set *set;
	struct leaks leaks;
	char *ports[2];
	int fds[2], i, round;

	leaks_begin(&leaks);
	for (round = 0; round < 10; round++) {
		ports[0] = ports[1] = NULL;
		set = accept_open(accept_and_drop, &ops);
		REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
		for (i = 0; i < 2; i++)
			REQUIRE_EQ(mrpc_listen(set, AF_INET, "127.0.0.1", &ports[i]), 0);

		SECTION("the set dropped, it still serves, round %d", round);
		mrpc_conn_set_unref(set);
		for (i = 0; i < 2; i++)
			fds[i] = served(ports[i]);
		close(fds[0]);
		COUNTER_WAIT(&server_probe.disconnects, 1);
		close(served(ports[1]));
		COUNTER_WAIT(&server_probe.disconnects, 2);

		SECTION("a connection outlives the listeners, round %d", round);
		if (round % 2 == 0)
			close(fds[1]);
		mrpc_listen_close(set);
		if (round % 2) {
			peer_send(fds[1], 6, PENDING, nr_test_ping, NULL, 0);
			PEER_EXPECT(fds[1], 6, MINIRPC_OK, nr_test_ping, NULL, 0);
			close(fds[1]);
		}
		COUNTER_WAIT(&server_probe.disconnects, 3);
		CHECK_EQ(counter_get(&accepted), 3);
		for (i = 0; i < 2; i++)
			free(ports[i]);
		LEAKS_CHECK(&leaks);
	}

	SECTION("listeners of a set that nobody dispatches, a connection waiting");
	ports[0] = NULL;
	set = accept_open(accept_and_drop, &ops);
	REQUIRE_EQ(mrpc_listen(set, AF_INET, "127.0.0.1", &ports[0]), 0);
	mrpc_dispatcher_add(set);
	fds[0] = peer_connect(ports[0]);
	mrpc_conn_set_unref(set);
	DISPATCH_UNTIL(set, counter_get(&accepted) == 1);
	mrpc_listen_close(set);
	close(fds[0]);
	DISPATCH_TO_THE_END(set);
	mrpc_dispatcher_remove(set);
	free(ports[0]);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
