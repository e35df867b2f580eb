/* PROTO: test.mx */
/* NEEDS: additions */
/*
 * mrpc_message_is_live: 1 as long as a reply would be sent: in the handler, while the request
 * is kept, to a peer that only sends no more; 0 after the reply, when the caller has gone, for
 * messages and NULL.
 */
#include "timeouts.h"

static struct mrpc_message *kept;
static struct counter n_kept = COUNTER_INIT, saw_end = COUNTER_INIT;

static mrpc_status_t later(void *data, struct mrpc_message *msg, number *in, number *out)
{
	(void)data;
	(void)in;
	(void)out;
	CHECK_EQ(mrpc_message_is_live(msg), 1);
	kept = msg;
	counter_add(&n_kept, 1);
	return MINIRPC_PENDING;
}

/* A long handler, which stops when its caller has gone. */
static mrpc_status_t put(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)in;
	CHECK_EQ(mrpc_message_is_live(msg), 1);
	counter_add(&n_kept, 1);
	WAIT_FOR(!mrpc_message_is_live(msg));
	counter_add(&saw_end, 1);
	return MINIRPC_OK;
}

static void notify(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)in;
	CHECK_EQ(mrpc_message_is_live(msg), 0);
	counter_add(&n_kept, 1);
}

static const struct test_server_operations ops = { .later = later, .put = put, .notify = notify };

static void ask(struct end *e, int cmd)
{
	counter_init(&n_kept);
	peer_number(e->fd, 3, cmd, 1);
	COUNTER_WAIT(&n_kept, 1);
}

int main(void)
{
	struct leaks leaks;
	number n = 2;
	struct end e;
	int tcp;

	leaks_begin(&leaks);
	SECTION("what is no request");
	CHECK_EQ(mrpc_message_is_live(NULL), 0);
	end_open_server(&e, &ops, 1);
	ask(&e, nr_test_notify);

	SECTION("until it is replied to");
	ask(&e, nr_test_later);
	CHECK_EQ(mrpc_message_is_live(kept), 1);
	CHECK_EQ(test_later_send_async_reply(kept, &n), MINIRPC_OK);
	CHECK_EQ(mrpc_message_is_live(kept), 0);
	PEER_NUMBER(e.fd, 3, nr_test_later, 2);

	SECTION("a peer that sends no more still gets its reply");
	ask(&e, nr_test_later);
	REQUIRE_EQ(shutdown(e.fd, SHUT_WR), 0);
	STAYS(mrpc_message_is_live(kept) == 1, 50);
	CHECK_EQ(test_later_send_async_reply(kept, &n), MINIRPC_OK);
	PEER_NUMBER(e.fd, 3, nr_test_later, 2);
	COUNTER_WAIT(&e.probe.disconnects, 1);
	CHECK_EQ(mrpc_message_is_live(kept), 0);
	end_close(&e);

	for (tcp = 0; tcp < 2; tcp++) {
		SECTION("the caller goes, while the only dispatcher is in its handler; %s",
			tcp ? "a reset" : "closed");
		counter_init(&saw_end);
		end_open(&e, test_server, 1, tcp);
		REQUIRE_EQ(test_server_set_operations(e.conn, &ops), 0);
		ask(&e, nr_test_put);
		if (tcp)
			peer_reset(e.fd);
		else
			close(e.fd);
		e.fd = -1;
		COUNTER_WAIT(&saw_end, 1);
		end_close(&e);
	}

	SECTION("after mrpc_conn_close, and of a connection that is no more");
	end_open_server(&e, &ops, 1);
	ask(&e, nr_test_later);
	CHECK_EQ(mrpc_message_is_live(kept), 1);
	REQUIRE_EQ(mrpc_conn_close(e.conn), 0);
	CHECK_EQ(mrpc_message_is_live(kept), 0);
	end_close(&e);
	CHECK_EQ(mrpc_message_is_live(kept), 0);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
