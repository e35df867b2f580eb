/*
 * TCP's urgent byte is no part of the stream: wherever a peer sends one, between
 * messages or inside one, what stands before and behind it is read as if it were
 * not there, and at once.
 */
/* PROTO: test.mx */
#include "extra_rt.h"

enum { ROUNDS = 100 };

static const struct test_server_operations ops = { .ping = answer_ping };

static void urgent(int fd)
{
	CHECK_EQ(send(fd, "!", 1, MSG_OOB | MSG_NOSIGNAL), 1);
}

/* Two messages, with the byte at this place. */
static void send_around(int fd, const unsigned char two[2 * HEADER_LEN], size_t at)
{
	if (at > 0)
		peer_write(fd, two, at);
	urgent(fd);
	if (at < 2 * HEADER_LEN)
		peer_write(fd, two + at, 2 * HEADER_LEN - at);
}

static void requests(struct end *e, size_t at)
{
	unsigned char two[2 * HEADER_LEN];

	peer_header(two, 1, PENDING, nr_test_ping, 0);
	peer_header(two + HEADER_LEN, 2, PENDING, nr_test_ping, 0);
	send_around(e->fd, two, at);
	PEER_EXPECT(e->fd, 1, MINIRPC_OK, nr_test_ping, NULL, 0);
	PEER_EXPECT(e->fd, 2, MINIRPC_OK, nr_test_ping, NULL, 0);
}

static void *call(void *conn)
{
	CHECK_EQ(test_ping(conn), MINIRPC_OK);
	return NULL;
}

/* The callers read themselves. */
static void replies(struct end *e, size_t at)
{
	unsigned char two[2 * HEADER_LEN];
	pthread_t threads[2];
	struct frame f;
	int i;

	for (i = 0; i < 2; i++) {
		threads[i] = thread_start(call, e->conn);
		peer_recv(e->fd, &f);
		peer_header(two + i * HEADER_LEN, f.seq, MINIRPC_OK, nr_test_ping, 0);
		free(f.data);
	}
	send_around(e->fd, two, at);
	for (i = 0; i < 2; i++)
		thread_join(threads[i]);
}

int main(void)
{
	static const struct { const char *name; size_t at; } places[] = {
		{ "before", 0 }, { "between", HEADER_LEN }, { "behind", 2 * HEADER_LEN },
		{ "inside of the first", 3 }, { "inside of the second", 2 * HEADER_LEN - 1 }
	};
	struct leaks leaks;
	struct end e;
	size_t i;
	int round;

	leaks_begin(&leaks);
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		SECTION("requests, the byte %s", places[i].name);
		end_open(&e, test_server, 1, true);
		REQUIRE_EQ(test_server_set_operations(e.conn, &ops), 0);
		for (round = 0; round < ROUNDS; round++)
			requests(&e, places[i].at);
		end_close(&e);
		CHECK_EQ(counter_get(&e.probe.ioerrs), 0);

		SECTION("replies, the byte %s", places[i].name);
		end_open(&e, test_client, 1, true);
		for (round = 0; round < ROUNDS; round++)
			replies(&e, places[i].at);
		end_close(&e);
		CHECK_EQ(counter_get(&e.probe.ioerrs), 0);
	}
	LEAKS_CHECK(&leaks);
	return tap_done();
}
