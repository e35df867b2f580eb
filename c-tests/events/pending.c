/* PROTO: test.mx */
/*
 * A request kept by MINIRPC_PENDING is replied to later, from any thread, even
 * before its handler has returned. A reply after the connection has gone is a
 * failure and touches nothing, however late it comes.
 */
#include "extra_rt.h"

enum { KEPT = 64 };

static struct mrpc_message *kept[KEPT];
static struct counter n_kept = COUNTER_INIT, gate = COUNTER_INIT, replied = COUNTER_INIT;

static mrpc_status_t later(void *data, struct mrpc_message *msg, number *in, number *out)
{
	(void)data;
	(void)out;
	kept[*in] = msg;
	counter_add(&n_kept, 1);
	if (*in == KEPT - 1)
		COUNTER_WAIT(&gate, 1);
	return MINIRPC_PENDING;
}

static mrpc_status_t later_void(void *data, struct mrpc_message *msg, number *in)
{
	return later(data, msg, in, NULL);
}

static const struct test_server_operations ops = { .later = later, .later_void = later_void };

static void *reply(void *arg)
{
	number n = *(int *)arg;

	CHECK_EQ(test_later_send_async_reply(kept[n], &n), MINIRPC_OK);
	counter_add(&replied, 1);
	return NULL;
}

int main(void)
{
	struct leaks leaks;
	struct end e;
	number n;
	int i;

	leaks_begin(&leaks);
	end_open_server(&e, &ops, 2);
	SECTION("from another thread, out of order");
	for (i = 0; i < 3; i++)
		peer_number(e.fd, (uint32_t)i, nr_test_later, i);
	COUNTER_WAIT(&n_kept, 3);
	for (i = 2; i >= 0; i--) {
		thread_join(thread_start(reply, &i));
		PEER_NUMBER(e.fd, (uint32_t)i, nr_test_later, i);
	}

	SECTION("before the handler has returned");
	peer_number(e.fd, 9, nr_test_later, KEPT - 1);
	COUNTER_WAIT(&n_kept, 4);
	i = KEPT - 1;
	thread_join(thread_start(reply, &i));
	PEER_NUMBER(e.fd, 9, nr_test_later, KEPT - 1);
	counter_add(&gate, 1);
	PEER_QUIET(e.fd, 20);

	SECTION("with an error");
	peer_number(e.fd, 10, nr_test_later_void, 4);
	COUNTER_WAIT(&n_kept, 5);
	CHECK_EQ(test_later_void_send_async_reply_error(kept[4], MINIRPC_PENDING),
		 MINIRPC_INVALID_ARGUMENT);
	CHECK_EQ(test_later_void_send_async_reply_error(kept[4], MINIRPC_OK),
		 MINIRPC_INVALID_ARGUMENT);
	CHECK_EQ(test_later_void_send_async_reply_error(kept[4], 1234), MINIRPC_OK);
	PEER_EXPECT(e.fd, 10, 1234, nr_test_later_void, NULL, 0);

	SECTION("the wrong procedure's reply: still to be replied to");
	peer_number(e.fd, 11, nr_test_later_void, 5);
	COUNTER_WAIT(&n_kept, 6);
	n = 1;
	CHECK_EQ(test_later_send_async_reply(kept[5], &n), MINIRPC_INVALID_ARGUMENT);
	CHECK_EQ(test_later_void_send_async_reply(kept[5]), MINIRPC_OK);
	PEER_EXPECT(e.fd, 11, MINIRPC_OK, nr_test_later_void, NULL, 0);

	SECTION("a second reply is refused, and not sent");
	CHECK(test_later_void_send_async_reply(kept[5]) != MINIRPC_OK);
	PEER_QUIET(e.fd, 20);

	SECTION("after the peer has gone, after the disconnect, after the handle");
	for (i = 10; i < 20; i++)
		peer_number(e.fd, (uint32_t)i, nr_test_later, i);
	COUNTER_WAIT(&n_kept, 16);
	close(e.fd);
	COUNTER_WAIT(&e.probe.disconnects, 1);
	n = 10;
	CHECK_EQ(test_later_send_async_reply(kept[10], &n), MINIRPC_NETWORK_FAILURE);
	CHECK_EQ(test_later_send_async_reply_error(kept[11], 5), MINIRPC_NETWORK_FAILURE);
	end_unref(&e);
	CHECK_EQ(test_later_send_async_reply(kept[12], &n), MINIRPC_NETWORK_FAILURE);
	LEAKS_CHECK(&leaks);
	CHECK_EQ(test_later_send_async_reply(kept[13], &n), MINIRPC_NETWORK_FAILURE);
	CHECK_EQ(test_later_send_async_reply_error(kept[14], 5), MINIRPC_NETWORK_FAILURE);

	SECTION("also when new sets and connections stand where the old ones stood");
	end_open_server(&e, &ops, 2);
	for (i = 20; i < 30; i++)
		peer_number(e.fd, (uint32_t)i, nr_test_later, i);
	COUNTER_WAIT(&n_kept, 26);
	for (i = 10; i < 20; i++)
		CHECK_EQ(test_later_send_async_reply(kept[i], &n), MINIRPC_NETWORK_FAILURE);
	PEER_QUIET(e.fd, 20);
	for (i = 20; i < 30; i++) {
		thread_join(thread_start(reply, &i));
		PEER_NUMBER(e.fd, (uint32_t)i, nr_test_later, i);
	}

	SECTION("a close by the application");
	peer_number(e.fd, 0, nr_test_later, 30);
	COUNTER_WAIT(&n_kept, 27);
	CHECK_EQ(mrpc_conn_close(e.conn), 0);
	CHECK_EQ(test_later_send_async_reply(kept[30], &n), MINIRPC_NETWORK_FAILURE);
	end_close(&e);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
