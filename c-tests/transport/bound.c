/* PROTO: test.mx */
/* NEEDS: additions */
/* Of a bound socket the handshake goes on within the connection: what is sent meanwhile waits. */
#define _GNU_SOURCE
#include "xor.h"
#include "extra_rt.h"

static struct counter received = COUNTER_INIT;

static void notify(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	CHECK_EQ(*in, counter_add(&received, 1));
}

static const struct test_server_operations ops = { .notify = notify, .ping = answer_ping };

static void *call_ping(void *conn)
{
	return (void *)(intptr_t)test_ping(conn);
}

/* One end of ours, with a transport, and a bare socket. */
static void open_one(struct end *e)
{
	end_open(e, test_client, 1, false);
	close(e->fd);
	mrpc_conn_close(e->conn);
	end_await(e);
	mrpc_conn_unref(e->conn);
	probe_init(&e->probe);
	xor_set(e->set, false);
	e->fd = end_add(e->set, &e->conn, &e->probe, false);
}

int main(void)
{
	struct mrpc_conn_set *server_set;
	struct mrpc_connection *server;
	struct probe probe;
	struct end e;
	pthread_t caller;
	number n;
	char text[256];
	unsigned char hello[2];
	int fds[2];

	SECTION("before the handshake has ended nothing of ours leaves");
	open_one(&e);
	CHECK_EQ(xor_world.bound, 1);
	for (n = 1; n <= 1000; n++)
		CHECK_EQ(test_notify(e.conn, &n), MINIRPC_OK);
	caller = thread_start(call_ping, e.conn);
	CHECK_EQ(recv(e.fd, hello, 2, MSG_WAITALL), 2);
	CHECK_EQ(hello[0] ^ KEY, ESCAPE);
	CHECK_EQ(hello[1] ^ KEY, HELLO);
	STAYS(recv(e.fd, hello, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN, 50);

	SECTION("then all of it does, in order");
	probe_init(&probe);
	REQUIRE_EQ(mrpc_conn_set_create(&server_set, test_server, NULL), 0);
	probe_watch(server_set);
	xor_set(server_set, true);
	REQUIRE_EQ(mrpc_start_dispatch_thread(server_set), 0);
	REQUIRE_EQ(mrpc_conn_create(&server, server_set, &probe), 0);
	REQUIRE_EQ(test_server_set_operations(server, &ops), 0);
	REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	REQUIRE_EQ(mrpc_bind_fd(server, fds[0]), 0);
	/* What the client has said, and then whatever either says. */
	REQUIRE_EQ(send(fds[1], hello, 0, 0), 0);
	hello[0] = ESCAPE ^ KEY;
	hello[1] = HELLO ^ KEY;
	REQUIRE_EQ(send(fds[1], hello, 2, 0), 2);
	{
		char buf[65536];
		struct pollfd p[2] = { { e.fd, POLLIN, 0 }, { fds[1], POLLIN, 0 } };
		int64_t end = now_ms() + scaled(10000);
		bool answered = false;

		while (!answered && now_ms() < end) {
			poll(p, 2, 10);
			ssize_t got = recv(e.fd, buf, sizeof(buf), MSG_DONTWAIT);
			if (got > 0)
				CHECK_EQ(send(fds[1], buf, (size_t)got, 0), got);
			got = recv(fds[1], buf, sizeof(buf), MSG_DONTWAIT);
			if (got > 0)
				CHECK_EQ(send(e.fd, buf, (size_t)got, 0), got);
			/* Hello and the reply to the call. */
			answered = counter_get(&received) == 1000 && got < 0 &&
				pthread_tryjoin_np(caller, NULL) == 0;
		}
		CHECK(answered);
	}

	SECTION("an end that is announced, and one that is not");
	CHECK_EQ(mrpc_conn_close(e.conn), 0);
	end_await(&e);
	{
		char buf[64];
		ssize_t got = recv(e.fd, buf, sizeof(buf), 0);

		CHECK_EQ(got, 2);
		CHECK_EQ(buf[1] ^ KEY, GOODBYE);
		CHECK_EQ(recv(e.fd, buf, sizeof(buf), 0), 0);
		close(e.fd);
	}
	end_unref(&e);
	close(fds[1]);
	COUNTER_WAIT(&probe.disconnects, 1);
	CHECK_EQ(probe.reason, MRPC_DISC_IOERR);
	CHECK_EQ(counter_get(&probe.ioerrs), 1);
	CHECK_MSG(strstr(probe.text, "cut") != NULL, "the error is: %s", probe.text);
	mrpc_conn_unref(server);

	SECTION("an end that is announced with requests unanswered: they are answered, and so is it");
	probe_init(&probe);
	REQUIRE_EQ(mrpc_conn_create(&server, server_set, &probe), 0);
	REQUIRE_EQ(test_server_set_operations(server, &ops), 0);
	REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	REQUIRE_EQ(mrpc_bind_fd(server, fds[0]), 0);
	{
		/* Hello, a ping, the end. */
		const unsigned char ask[] = { ESCAPE, HELLO, 0, 0, 0, 7, 255, 255, 255, 255,
			0, 0, 0, 1, 0, 0, 0, 0, ESCAPE, GOODBYE };
		const unsigned char want[] = { ESCAPE, HELLO, 0, 0, 0, 7, 0, 0, 0, 0,
			0, 0, 0, 1, 0, 0, 0, 0, ESCAPE, GOODBYE };
		unsigned char bytes[sizeof(want) + 1];
		size_t i;

		for (i = 0; i < sizeof(ask); i++)
			bytes[i] = ask[i] ^ KEY;
		REQUIRE_EQ(send(fds[1], bytes, sizeof(ask), 0), sizeof(ask));
		CHECK_EQ(recv(fds[1], bytes, sizeof(bytes), MSG_WAITALL), sizeof(want));
		for (i = 0; i < sizeof(want); i++)
			CHECK_EQ(bytes[i] ^ KEY, want[i]);
	}
	COUNTER_WAIT(&probe.disconnects, 1);
	CHECK_EQ(probe.reason, MRPC_DISC_CLOSED);
	CHECK_EQ(counter_get(&probe.ioerrs), 0);
	close(fds[1]);
	mrpc_conn_unref(server);
	mrpc_conn_set_unref(server_set);

	SECTION("a handshake that fails is an error and a disconnect");
	open_one(&e);
	REQUIRE_EQ(send(e.fd, "plain", 5, 0), 5);
	COUNTER_WAIT(&e.probe.disconnects, 1);
	CHECK_EQ(e.probe.reason, MRPC_DISC_IOERR);
	CHECK_STR(e.probe.text, "these bytes are not ours");
	CHECK_EQ(mrpc_conn_get_error(e.conn, text, sizeof(text)), 0);
	CHECK_STR(text, "these bytes are not ours");
	close(e.fd);
	end_unref(&e);

	SECTION("and so is one that takes too long");
	open_one(&e);
	close(e.fd);
	end_await(&e);
	mrpc_conn_unref(e.conn);
	REQUIRE_EQ(mrpc_set_connect_timeout(e.set, 200), 0);
	probe_init(&e.probe);
	e.fd = end_add(e.set, &e.conn, &e.probe, false);
	n = 1;
	CHECK_EQ(test_notify(e.conn, &n), MINIRPC_OK);
	COUNTER_WAIT(&e.probe.disconnects, 1);
	CHECK_EQ(e.probe.reason, MRPC_DISC_IOERR);
	CHECK_MSG(strstr(e.probe.text, "within 200 ms") != NULL, "the error is: %s", e.probe.text);
	close(e.fd);
	end_unref(&e);
	WAIT_FOR(xor_world.freed == xor_world.opened);
	return tap_done();
}
