/* PROTO: test.mx */
/* NEEDS: additions */
/* MODES: plain asan (memcheck's own threads are in the child) */
/*
 * The peer's process is stopped (SIGSTOP): sync and async calls end in time. Then it goes on:
 * its late replies are dropped, and the connection serves again.
 */
#include "timeouts.h"

static mrpc_status_t get(void *data, struct mrpc_message *msg, number *out)
{
	(void)data;
	(void)msg;
	*out = 8;
	return MINIRPC_OK;
}

static const struct test_server_operations ops = { .get = get };
static struct counter called = COUNTER_INIT;

static void on_get(void *data, void *private, mrpc_status_t status, number *reply)
{
	(void)data;
	(void)private;
	(void)reply;
	CHECK_EQ(status, TIMEDOUT);
	counter_add(&called, 1);
}

static void serve(int fd)
{
	struct mrpc_connection *conn;
	struct mrpc_conn_set *set;

	if (mrpc_conn_set_create(&set, test_server, NULL) ||
	    mrpc_conn_create(&conn, set, NULL) || test_server_set_operations(conn, &ops) ||
	    mrpc_bind_fd(conn, fd))
		_exit(1);
	mrpc_dispatcher_add(set);
	mrpc_dispatch_loop(set);
	_exit(0);
}

int main(void)
{
	struct mrpc_call_options o = with(60, NULL);
	struct mrpc_conn_set *set;
	struct mrpc_connection *conn;
	struct probe probe;
	number *out;
	int fds[2], status, i;
	pid_t child;

	REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	child = fork();
	if (child == 0) {
		close(fds[0]);
		serve(fds[1]);
	}
	close(fds[1]);
	probe_init(&probe);
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_client, NULL), 0);
	probe_watch(set);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	REQUIRE_EQ(mrpc_conn_create(&conn, set, &probe), 0);
	REQUIRE_EQ(mrpc_bind_fd(conn, fds[0]), 0);

	SECTION("it serves");
	CHECK_EQ(test_get(conn, &out), MINIRPC_OK);
	free_number(out, 1);

	SECTION("it is stopped");
	REQUIRE_EQ(kill(child, SIGSTOP), 0);
	REQUIRE_EQ(waitpid(child, &status, WUNTRACED), child);
	for (i = 0; i < 3; i++) {
		CHECK_EQ(test_get_async_with(conn, &o, on_get, NULL), MINIRPC_OK);
		TIMES_OUT(conn, 30);
		TIMES_OUT(conn, 300);
	}
	COUNTER_WAIT(&called, 3);

	SECTION("it goes on");
	REQUIRE_EQ(kill(child, SIGCONT), 0);
	CHECK_EQ(test_get(conn, &out), MINIRPC_OK);
	CHECK(out != NULL && *out == 8);
	free_number(out, 1);
	CHECK_EQ(counter_get(&probe.ioerrs), 0);

	REQUIRE_EQ(kill(child, SIGKILL), 0);
	COUNTER_WAIT(&probe.disconnects, 1);
	waitpid(child, NULL, 0);
	mrpc_conn_unref(conn);
	mrpc_conn_set_unref(set);
	return tap_done();
}
