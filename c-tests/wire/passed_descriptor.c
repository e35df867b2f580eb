/* PROTO: test.mx */
/*
 * A peer on a Unix socket sends a descriptor along with some bytes of a message: a read stops
 * behind them, though more is there. All of it is taken in, and the descriptor not kept.
 */
#define _GNU_SOURCE
#include "extra_rt.h"

static const struct test_server_operations ops = { .ping = answer_ping };

static void send_with_descriptor(int fd, const void *bytes, size_t len)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { .header = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct iovec iov = { (void *)bytes, len };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control)
	};
	int passed = fd;

	memcpy(CMSG_DATA(&control.header), &passed, sizeof(passed));
	REQUIRE_EQ(sendmsg(fd, &msg, MSG_NOSIGNAL), len);
}

int main(void)
{
	unsigned char frame[16];
	struct mrpc_conn_set *set;
	struct mrpc_connection *conn;
	struct probe probe;
	struct leaks leaks;
	int fds[2], before, i;

	leaks_begin(&leaks);
	probe_init(&probe);
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_server, NULL), 0);
	probe_watch(set);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	REQUIRE_EQ(mrpc_conn_create(&conn, set, &probe), 0);
	REQUIRE_EQ(test_server_set_operations(conn, &ops), 0);

	SECTION("what is there before the library looks, in pieces, each with a descriptor");
	for (i = 1; i <= 3; i++) {
		peer_header(frame, (uint32_t)i, PENDING, nr_test_ping, 0);
		send_with_descriptor(fds[0], frame, 7);
		send_with_descriptor(fds[0], frame + 7, 9);
	}
	REQUIRE_EQ(mrpc_bind_fd(conn, fds[1]), 0);
	for (i = 1; i <= 3; i++)
		PEER_EXPECT(fds[0], (uint32_t)i, MINIRPC_OK, nr_test_ping, NULL, 0);

	SECTION("and while it waits");
	before = count_fds();
	for (i = 4; i <= 50; i++) {
		peer_header(frame, (uint32_t)i, PENDING, nr_test_ping, 0);
		send_with_descriptor(fds[0], frame, 15);
		send_with_descriptor(fds[0], frame + 15, 1);
		PEER_EXPECT(fds[0], (uint32_t)i, MINIRPC_OK, nr_test_ping, NULL, 0);
	}
	CHECK_EQ(count_fds(), before);

	close(fds[0]);
	COUNTER_WAIT(&probe.disconnects, 1);
	CHECK_EQ(counter_get(&probe.ioerrs), 0);
	mrpc_conn_unref(conn);
	mrpc_conn_set_unref(set);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
