/* PROTO: test.mx */
/*
 * mrpc_conn_close sends what is queued first, however long the peer takes to
 * read, and does not wait for it; then the stream ends.
 */
#include "extra_rt.h"

enum { MESSAGES = 400, LEN = 8192 };

static char payload[LEN];

static const struct test_server_operations ops = { .ping = answer_ping };

static void queue_and_close(struct end *e, bool then_unref)
{
	blob b = { LEN, payload };
	int i;

	for (i = 0; i < MESSAGES; i++)
		if (!CHECK_EQ(PROMPT(test_flood(e->conn, &b)), MINIRPC_OK))
			break;
	CHECK_EQ(PROMPT(mrpc_conn_close(e->conn)), 0);
	CHECK_EQ(test_flood(e->conn, &b), MINIRPC_NETWORK_FAILURE);
	if (then_unref)
		end_unref(e);
}

static void all_arrives(int fd)
{
	struct frame f;
	int i;

	for (i = 0; i < MESSAGES; i++) {
		peer_recv(fd, &f);
		CHECK_EQ(f.cmd, nr_test_flood);
		CHECK_EQ(f.len, LEN + 4);
		CHECK_MEM(f.data + 4, payload, LEN);
		free(f.data);
	}
	PEER_EOF(fd);
}

int main(void)
{
	struct leaks leaks;
	struct end e;
	int fd;

	memset(payload, 'p', sizeof(payload));
	leaks_begin(&leaks);
	SECTION("over a socketpair");
	end_open_server(&e, &ops, 1);
	queue_and_close(&e, false);
	all_arrives(e.fd);
	end_await(&e);
	CHECK_EQ(e.probe.reason, MRPC_DISC_USER);
	end_close(&e);

	SECTION("over TCP");
	end_open(&e, test_server, 1, true);
	queue_and_close(&e, false);
	all_arrives(e.fd);
	end_await(&e);
	CHECK_EQ(e.probe.reason, MRPC_DISC_USER);
	end_close(&e);

	SECTION("every reference dropped, without any dispatcher");
	end_open(&e, test_server, BY_HAND, true);
	fd = e.fd;
	mrpc_conn_ref(e.conn);
	queue_and_close(&e, false);
	all_arrives(fd);
	end_await(&e);
	mrpc_conn_unref(e.conn);
	end_close(&e);

	SECTION("every reference dropped at once");
	end_open(&e, test_server, 1, true);
	fd = e.fd;
	queue_and_close(&e, true);
	all_arrives(fd);
	close(fd);
	COUNTER_WAIT(&e.probe.disconnects, 1);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
