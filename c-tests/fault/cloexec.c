/* PROTO: test.mx */
/*
 * Every descriptor that the library makes is close-on-exec.
 */
#include "cloexec.h"

int main(void)
{
	struct mrpc_connection *bound;
	struct leaks leaks;
	struct probe probe;
	struct pair p;
	int fds[2], which = -1;

	leaks_begin(&leaks);
	REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	note_known();
	known[fds[0]] = 0;

	SECTION("all features used");
	server_start(1);
	pair_open(&p, PAIR_TCP, test_client, test_server);
	CHECK(mrpc_get_event_fd(p.client_set) >= 0);
	CHECK(mrpc_get_event_fd(p.server_set) >= 0);
	CHECK(mrpc_get_event_fd(server.set) >= 0);
	probe_init(&probe);
	REQUIRE_EQ(mrpc_conn_create(&bound, p.client_set, &probe), 0);
	REQUIRE_EQ(mrpc_bind_fd(bound, fds[0]), 0);
	CHECK_EQ(test_server_set_operations(p.server, &server_ops), 0);
	CHECK_EQ(test_ping(p.client), MINIRPC_OK);
	CHECK(count_fds() > leaks.fds + 8);
	CHECK_MSG(without_flag(&which) == 0, "descriptor %d is not close-on-exec", which);
	close(fds[1]);
	COUNTER_WAIT(&probe.disconnects, 1);
	mrpc_conn_unref(bound);
	pair_close(&p);
	server_stop();

	LEAKS_CHECK(&leaks);
	return tap_done();
}
