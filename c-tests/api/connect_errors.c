/* mrpc_connect: errors of the real world, then another try on the same handle. */
/* PROTO: test.mx */
#include "fds.h"

#include <sys/resource.h>
#include "test_client.h"

int main(void)
{
	struct mrpc_conn_set *set;
	struct mrpc_connection *conn;
	struct probe probe;
	struct rlimit limit, low;
	char port[8], closed[8];
	int listener, peer, lowest;
	uint64_t value = 1;
	struct leaks leaks;

	leaks_begin(&leaks);
	probe_init(&probe);
	close(peer_listen(closed));
	listener = peer_listen(port);
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_client, NULL), 0);
	probe_watch(set);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	REQUIRE_EQ(mrpc_conn_create(&conn, set, &probe), 0);

	SECTION("nobody listens: ECONNREFUSED, each time");
	CHECK_EQ(mrpc_connect(conn, AF_INET, "127.0.0.1", closed), ECONNREFUSED);
	CHECK_EQ(mrpc_connect(conn, AF_INET, "127.0.0.1", closed), ECONNREFUSED);
	CHECK_EQ(mrpc_connect(conn, AF_UNSPEC, NULL, closed), ECONNREFUSED);

	SECTION("no such service: ENOENT");
	CHECK_EQ(mrpc_connect(conn, AF_INET, "127.0.0.1", "no-such-service"), ENOENT);

	SECTION("an address of another family: EADDRNOTAVAIL");
	CHECK_EQ(mrpc_connect(conn, AF_INET6, "127.0.0.1", port), EADDRNOTAVAIL);

	SECTION("no such family: EAFNOSUPPORT");
	CHECK_EQ(mrpc_connect(conn, 12345, "127.0.0.1", port), EAFNOSUPPORT);

	SECTION("no descriptor left: EMFILE");
	REQUIRE_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
	lowest = dup(0);
	close(lowest);
	low = limit;
	low.rlim_cur = (rlim_t)lowest;
	REQUIRE_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
	CHECK_EQ(mrpc_connect(conn, AF_INET, "127.0.0.1", port), EMFILE);
	REQUIRE_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);

	SECTION("a handle that failed is not connected");
	CHECK_EQ(mrpc_conn_close(conn), ENOTCONN);
	CHECK_EQ(test_poke(conn), MINIRPC_INVALID_ARGUMENT);
	CHECK_EQ(mrpc_conn_get_counter(conn, MRPC_CONNCTR_SEND_BYTES, &value), 0);
	CHECK_EQ(value, 0);

	SECTION("and can be used to try again");
	CHECK_EQ(mrpc_connect(conn, AF_INET, "127.0.0.1", port), 0);
	peer = peer_accept(listener);
	CHECK_EQ(test_poke(conn), MINIRPC_OK);
	CHECK_EQ(mrpc_conn_close(conn), 0);
	COUNTER_WAIT(&probe.disconnects, 1);

	SECTION("nothing is left, and there was one disconnect");
	close(peer);
	close(listener);
	mrpc_conn_unref(conn);
	mrpc_conn_set_unref(set);
	LEAKS_CHECK(&leaks);
	CHECK_EQ(counter_get(&probe.disconnects), 1);
	CHECK_EQ(probe.reason, MRPC_DISC_USER);
	return tap_done();
}
