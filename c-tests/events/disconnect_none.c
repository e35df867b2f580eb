/* PROTO: test.mx */
/* Without a disconnect function the event still ends the connection: its handle
 * goes, and the set can be destroyed. */
#include "extra_rt.h"

int main(void)
{
	struct mrpc_conn_set *set;
	struct mrpc_connection *conn;
	struct dispatcher d;
	struct leaks leaks;
	int fds[2];

	leaks_begin(&leaks);
	SECTION("no disconnect function, no ioerr function");
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_client, NULL), 0);
	dispatcher_start(&d, set);
	REQUIRE_EQ(mrpc_conn_create(&conn, set, NULL), 0);
	tcp_pair(fds);
	REQUIRE_EQ(mrpc_bind_fd(conn, fds[0]), 0);
	mrpc_conn_unref(conn);          /* it lives on: it is active */
	peer_send(fds[1], 1, MINIRPC_OK, nr_test_ping, NULL, 0);
	mrpc_conn_set_unref(set);       /* the connection holds it */
	STAYS(__atomic_load_n(&d.result, __ATOMIC_SEQ_CST) == -1, 30);
	peer_reset(fds[1]);
	CHECK_EQ(dispatcher_join(&d), ENXIO);
	LEAKS_CHECK(&leaks);

	SECTION("a function that was set and taken away again");
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_client, NULL), 0);
	probe_watch(set);
	CHECK_EQ(mrpc_set_disconnect_func(set, NULL), 0);
	CHECK_EQ(mrpc_set_ioerr_func(set, NULL), 0);
	dispatcher_start(&d, set);
	REQUIRE_EQ(mrpc_conn_create(&conn, set, NULL), 0);
	fds[1] = peer_bind(conn);
	CHECK_EQ(mrpc_conn_close(conn), 0);
	mrpc_conn_unref(conn);
	mrpc_conn_set_unref(set);
	CHECK_EQ(dispatcher_join(&d), ENXIO);
	close(fds[1]);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
