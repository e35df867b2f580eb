/* PROTO: test.mx */
/*
 * Unix sockets, from socketpair and by name: calls both ways; the options for
 * TCP do no harm.
 */
#include "extra_rt.h"

#include <sys/un.h>

static const struct test_server_operations server_ops = { .add = answer_add };
static const struct test_client_operations client_ops = { .client_add = answer_add };

static void named(int fds[2])
{
	struct sockaddr_un addr;
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memset(&addr, 0, sizeof(addr));
	addr.sun_family = AF_UNIX;
	/* Relative: paths of sockets are short. */
	REQUIRE_EQ(chdir(test_scratch()), 0);
	strcpy(addr.sun_path, "socket");
	unlink(addr.sun_path);
	REQUIRE(listener >= 0);
	REQUIRE_EQ(bind(listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
	REQUIRE_EQ(listen(listener, 1), 0);
	fds[0] = socket(AF_UNIX, SOCK_STREAM, 0);
	REQUIRE_EQ(connect(fds[0], (struct sockaddr *)&addr, sizeof(addr)), 0);
	fds[1] = peer_accept(listener);
	close(listener);
	unlink(addr.sun_path);
}

static void use(int fds[2], int nonblocking)
{
	struct mrpc_conn_set *sets[2];
	struct mrpc_connection *conns[2];
	struct probe probes[2];
	operands in = { 40, 2 };
	number *out;
	int i;

	for (i = 0; i < 2; i++) {
		if (nonblocking)
			REQUIRE_EQ(fcntl(fds[i], F_SETFL, O_NONBLOCK), 0);
		probe_init(&probes[i]);
		REQUIRE_EQ(mrpc_conn_set_create(&sets[i], i ? test_server : test_client, NULL), 0);
		probe_watch(sets[i]);
		CHECK_EQ(mrpc_set_keepalive_enabled(sets[i], 1), 0);
		CHECK_EQ(mrpc_set_keepalive_parameters(sets[i], 5, 5, 5), 0);
		REQUIRE_EQ(mrpc_start_dispatch_thread(sets[i]), 0);
		REQUIRE_EQ(mrpc_conn_create(&conns[i], sets[i], &probes[i]), 0);
		REQUIRE_EQ(i ? test_server_set_operations(conns[i], &server_ops)
			     : test_client_set_operations(conns[i], &client_ops), 0);
		REQUIRE_EQ(mrpc_bind_fd(conns[i], fds[i]), 0);
	}
	for (i = 0; i < 50; i++) {
		CHECK_EQ(test_add(conns[0], &in, &out), MINIRPC_OK);
		CHECK(out != NULL && *out == 42);
		free_number(out, 1);
		CHECK_EQ(test_client_add(conns[1], &in, &out), MINIRPC_OK);
		CHECK(out != NULL && *out == 42);
		free_number(out, 1);
	}
	CHECK_EQ(mrpc_conn_close(conns[0]), 0);
	for (i = 0; i < 2; i++) {
		COUNTER_WAIT(&probes[i].disconnects, 1);
		CHECK_EQ(probes[i].reason, i ? MRPC_DISC_CLOSED : MRPC_DISC_USER);
		CHECK_EQ(counter_get(&probes[i].ioerrs), 0);
		mrpc_conn_unref(conns[i]);
		mrpc_conn_set_unref(sets[i]);
	}
}

int main(void)
{
	struct leaks leaks;
	int fds[2], i;

	leaks_begin(&leaks);
	for (i = 0; i < 2; i++) {
		SECTION("a socketpair%s", i ? ", non-blocking already" : "");
		REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
		use(fds, i);
		SECTION("a named socket%s", i ? ", non-blocking already" : "");
		named(fds);
		use(fds, i);
	}
	LEAKS_CHECK(&leaks);
	return tap_done();
}
