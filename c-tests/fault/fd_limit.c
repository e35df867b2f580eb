/* PROTO: test.mx */
/* MODES: plain asan (memcheck itself accepts beyond the limit, and then closes) */
/*
 * At the descriptor limit, every call that needs descriptors says EMFILE (the
 * event descriptor: -1), however many are left for its first steps; nothing
 * is lost, and a later try succeeds.
 */
#include "fault.h"

enum { MOST = 16 };     /* descriptors that one call can take */

/* Tries with 0, 1, 2 ... descriptors left until it succeeds. */
#define AT_LIMIT(what, call, good, bad) do { \
	int left_, got_, before_ = count_fds(); \
	SECTION("%s", (what)); \
	for (left_ = 0; left_ < MOST; left_++) { \
		struct rlimit old_ = limit_fds(left_); \
		got_ = (call); \
		unlimit_fds(old_); \
		if (good) \
			break; \
		CHECK_MSG((bad), "with %d left: result %d", left_, got_); \
		CHECK_EQ(count_fds(), before_); \
	} \
	tap_note("%s takes %d descriptors", (what), left_); \
	CHECK(left_ > 0 && left_ < MOST); \
} while (0)

int main(void)
{
	struct mrpc_conn_set *set = NULL;
	struct mrpc_connection *conn;
	char *port = NULL;
	struct leaks leaks;
	struct probe probe;
	struct pollfd p;
	int fd, fds;

	leaks_begin(&leaks);
	server_start(1);
	fds = count_fds();
	/* It is out of descriptors, too, when mrpc_connect has taken the last. */
	REQUIRE_EQ(mrpc_set_accept_backoff(server.set, 20), 0);

	AT_LIMIT("mrpc_conn_set_create", mrpc_conn_set_create(&set, test_client, NULL),
		 got_ == 0 && set != NULL, got_ == EMFILE && set == NULL);
	probe_init(&probe);
	probe_watch(set);

	REQUIRE_EQ(mrpc_conn_create(&conn, set, &probe), 0);
	AT_LIMIT("mrpc_connect", mrpc_connect(conn, AF_INET, "127.0.0.1", server.port),
		 got_ == 0, got_ == EMFILE);
	COUNTER_WAIT(&server.accepted, 1);

	AT_LIMIT("mrpc_listen", mrpc_listen(server.set, AF_INET, "127.0.0.1", &port),
		 got_ == 0 && port != NULL, got_ == EMFILE && port == NULL);

	AT_LIMIT("mrpc_get_event_fd", mrpc_get_event_fd(set), got_ >= 0, got_ == -1);

	SECTION("what was made at the limit works");
	fd = peer_connect(port);
	SERVED(fd);
	close(fd);
	CHECK_EQ(mrpc_start_dispatch_thread(set), 0);
	CHECK_EQ(test_ping(conn), MINIRPC_OK);
	CHECK_EQ(mrpc_conn_close(conn), 0);
	COUNTER_WAIT(&probe.disconnects, 1);
	mrpc_conn_unref(conn);

	SECTION("an event descriptor asked for late tells of the events before");
	CHECK_EQ(mrpc_get_event_fd(set), mrpc_get_event_fd(set));
	mrpc_conn_set_unref(set);
	/* Nothing may be given back while the limit counts; 1 is the listener. */
	WAIT_FOR(count_fds() == fds + 1);
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_client, NULL), 0);
	fds = count_fds();
	REQUIRE_EQ(mrpc_conn_create(&conn, set, NULL), 0);
	fd = peer_bind(conn);
	close(fd);
	WAIT_FOR(test_ping(conn) == MINIRPC_NETWORK_FAILURE);
	WAIT_FOR(count_fds() == fds);
	{
		struct rlimit old = limit_fds(0);

		CHECK_EQ(mrpc_get_event_fd(set), -1);
		unlimit_fds(old);
	}
	p.fd = mrpc_get_event_fd(set);
	p.events = POLLIN;
	CHECK(p.fd >= 0);
	CHECK_EQ(poll(&p, 1, (int)scaled(5000)), 1);
	mrpc_dispatcher_add(set);
	CHECK_EQ(mrpc_dispatch(set, 0), EAGAIN);
	mrpc_dispatcher_remove(set);
	mrpc_conn_unref(conn);
	mrpc_conn_set_unref(set);

	free(port);
	server_stop();
	LEAKS_CHECK(&leaks);
	return tap_done();
}
