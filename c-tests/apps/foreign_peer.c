/* PROTO: test.mx */
/*
 * Peers written in other languages: they write the header in four pieces, take
 * the next message to be the reply to their last request, and answer a one-way
 * message that they do not know with an error, which is dropped with an ioerr.
 */
#include "apps.h"

#include <netinet/tcp.h>

enum { REQUESTS = 100 };

static struct counter replies = COUNTER_INIT;
static mrpc_status_t last;

static void replied(void *data, void *private, mrpc_status_t status)
{
	(void)data;
	(void)private;
	last = status;
	counter_add(&replies, 1);
}

static const struct test_server_operations ops = { .ping = answer_ping, .add = answer_add };

/* Four writes of four bytes, each a segment of its own, then the payload. */
static void send_in_pieces(int fd, uint32_t seq, int cmd, const void *data, size_t len)
{
	unsigned char header[HEADER_LEN];
	int i;

	peer_header(header, seq, PENDING, cmd, (uint32_t)len);
	for (i = 0; i < 4; i++)
		peer_write(fd, header + 4 * i, 4);
	if (len > 0)
		peer_write(fd, data, len);
}

static void pieces(struct end *e)
{
	unsigned char data[8];
	int i, one = 1;

	CHECK_EQ(setsockopt(e->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)), 0);
	for (i = 0; i < REQUESTS; i++) {
		put_u32(data, (uint32_t)i);
		put_u32(data + 4, 1);
		send_in_pieces(e->fd, (uint32_t)i, nr_test_add, data, 8);
		PEER_NUMBER(e->fd, (uint32_t)i, nr_test_add, i + 1);
	}
}

/* The peer's reply to a one-way message: our sequence, our cmd, an error. */
static void answer_message(int fd)
{
	struct frame f;

	peer_recv(fd, &f);
	CHECK(f.cmd < 0);
	peer_send(fd, f.seq, MINIRPC_PROCEDURE_UNAVAIL, f.cmd, NULL, 0);
	free(f.data);
}

int main(void)
{
	struct leaks leaks;
	struct frame f;
	struct end e;
	number n = 5;
	int i;

	leaks_begin(&leaks);
	SECTION("the header in four pieces, the next message is the reply");
	end_open(&e, test_server, 1, true);
	REQUIRE_EQ(test_server_set_operations(e.conn, &ops), 0);
	pieces(&e);
	end_close(&e);

	SECTION("an answer to a one-way message: dropped, with an ioerr");
	end_open(&e, test_server, 1, true);
	REQUIRE_EQ(test_server_set_operations(e.conn, &ops), 0);
	for (i = 1; i <= 10; i++) {
		CHECK_EQ(test_event(e.conn, &n), MINIRPC_OK);
		answer_message(e.fd);
		COUNTER_WAIT(&e.probe.ioerrs, i);
	}
	peer_send(e.fd, 1, PENDING, nr_test_ping, NULL, 0);
	PEER_EXPECT(e.fd, 1, MINIRPC_OK, nr_test_ping, NULL, 0);

	SECTION("it is not taken to be the reply to a call that is outstanding");
	for (i = 1; i <= 10; i++) {
		CHECK_EQ(test_client_ping_async(e.conn, replied, NULL), MINIRPC_OK);
		peer_recv(e.fd, &f);
		CHECK_EQ(test_event(e.conn, &n), MINIRPC_OK);
		answer_message(e.fd);
		COUNTER_WAIT(&e.probe.ioerrs, 10 + i);
		peer_send(e.fd, f.seq, MINIRPC_OK, f.cmd, NULL, 0);
		COUNTER_WAIT(&replies, i);
		free(f.data);
		if (!CHECK_EQ(last, MINIRPC_OK) ||
		    !CHECK_EQ(counter_get(&e.probe.ioerrs), 10 + i))
			break;
	}
	end_close(&e);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
