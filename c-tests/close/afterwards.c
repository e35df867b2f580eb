/* PROTO: test.mx */
/* After mrpc_conn_close: no new call, message or reply; ENOTCONN before it was
 * ever connected, EALREADY the second time. */
#include "extra_rt.h"
#include "keep.h"

static const struct test_server_operations ops = { .later = keep_later };

static void replied(void *data, void *private, mrpc_status_t status)
{
	(void)data;
	(void)private;
	(void)status;
	CHECK(!"a callback of a call that was refused");
}

static void all_refused(struct mrpc_connection *conn)
{
	number n = 1;

	CHECK_EQ(PROMPT(test_client_ping(conn)), MINIRPC_NETWORK_FAILURE);
	CHECK_EQ(test_client_ping_async(conn, replied, NULL), MINIRPC_NETWORK_FAILURE);
	CHECK_EQ(test_event(conn, &n), MINIRPC_NETWORK_FAILURE);
	CHECK_EQ(mrpc_conn_close(conn), EALREADY);
}

int main(void)
{
	struct mrpc_connection *conn;
	struct leaks leaks;
	struct end e;
	number n = 1;
	int fds[2];

	leaks_begin(&leaks);
	SECTION("closing");
	end_open_server(&e, &ops, 1);
	peer_number(e.fd, 1, nr_test_later, 1);
	COUNTER_WAIT(&keeps, 1);
	CHECK_EQ(mrpc_conn_close(NULL), EINVAL);
	CHECK_EQ(mrpc_conn_close(e.conn), 0);
	all_refused(e.conn);
	CHECK_EQ(answer_kept(0, 1), MINIRPC_NETWORK_FAILURE);
	CHECK_EQ(test_later_send_async_reply_error(kept[0], 1), MINIRPC_NETWORK_FAILURE);
	PEER_EOF(e.fd);
	SECTION("closed");
	end_await(&e);
	all_refused(e.conn);
	CHECK_EQ(answer_kept(0, 1), MINIRPC_NETWORK_FAILURE);

	SECTION("the handle cannot be connected again");
	tcp_pair(fds);
	CHECK_EQ(mrpc_bind_fd(e.conn, fds[0]), EINVAL);
	CHECK_EQ(write(fds[0], "x", 1), 1);     /* still the caller's */
	close(fds[0]);
	close(fds[1]);

	SECTION("never connected: ENOTCONN, as often as it is asked");
	REQUIRE_EQ(mrpc_conn_create(&conn, e.set, NULL), 0);
	CHECK_EQ(mrpc_conn_close(conn), ENOTCONN);
	CHECK_EQ(mrpc_conn_close(conn), ENOTCONN);
	SECTION("and can be connected afterwards");
	fds[1] = peer_bind(conn);
	CHECK_EQ(test_event(conn, &n), MINIRPC_OK);
	CHECK(peer_read(fds[1], &fds[0], sizeof(fds[0])));
	mrpc_set_disconnect_func(e.set, NULL);
	CHECK_EQ(mrpc_conn_close(conn), 0);
	close(fds[1]);
	mrpc_conn_unref(conn);
	end_unref(&e);
	close(e.fd);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
