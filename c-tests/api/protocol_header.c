/* protocol.h: SET_PTR_IF_NOT_NULL, and the layout of struct mrpc_protocol. */
/* PROTO: test.mx */
#define MINIRPC_PROTOCOL
#include "harness.h"

#include <minirpc/protocol.h>
#include <stddef.h>
#include "test_client.h"
#include "test_server.h"

static int evaluated;

static int next(void)
{
	return ++evaluated;
}

/* Asks an info function; a void type is known by its size 0. */
static mrpc_status_t size_of(mrpc_status_t (*info)(unsigned, xdrproc_t *, unsigned *), int cmd,
			     unsigned *size)
{
	xdrproc_t type = NULL;
	mrpc_status_t status;

	*size = 12345;
	status = info((unsigned)cmd, &type, size);
	if (status == MINIRPC_OK) {
		CHECK(type != NULL);
		CHECK_EQ(info((unsigned)cmd, NULL, NULL), MINIRPC_OK);
		CHECK_EQ(info((unsigned)cmd, &type, NULL), MINIRPC_OK);
		CHECK_EQ(info((unsigned)cmd, NULL, size), MINIRPC_OK);
	}
	return status;
}

#define CHECK_INFO(info, cmd, expected) do { \
	unsigned size_; \
	CHECK_EQ(size_of(info, cmd, &size_), MINIRPC_OK); \
	CHECK_EQ(size_, expected); \
} while (0)
#define CHECK_NO_INFO(info, cmd) do { \
	unsigned size_; \
	CHECK_EQ(size_of(info, cmd, &size_), MINIRPC_PROCEDURE_UNAVAIL); \
} while (0)

int main(void)
{
	int value = 1, *none = NULL, *some = &value;

	SECTION("SET_PTR_IF_NOT_NULL stores, or does not");
	SET_PTR_IF_NOT_NULL(&value, 7);
	CHECK_EQ(value, 7);
	SET_PTR_IF_NOT_NULL(none, 8);
	CHECK_PTR(none, NULL);
	SET_PTR_IF_NOT_NULL(some, next());
	CHECK_EQ(value, 1);
	CHECK_EQ(evaluated, 1);

	SECTION("it is one statement");
	if (value == 1)
		SET_PTR_IF_NOT_NULL(some, 2);
	else
		SET_PTR_IF_NOT_NULL(some, 3);
	CHECK_EQ(value, 2);

	SECTION("struct mrpc_protocol: layout");
	CHECK_EQ(offsetof(struct mrpc_protocol, is_server), 0);
	CHECK_EQ(offsetof(struct mrpc_protocol, request), sizeof(void *));
	CHECK_EQ(offsetof(struct mrpc_protocol, sender_request_info), 2 * sizeof(void *));
	CHECK_EQ(offsetof(struct mrpc_protocol, sender_reply_info), 3 * sizeof(void *));
	CHECK_EQ(offsetof(struct mrpc_protocol, receiver_request_info), 4 * sizeof(void *));
	CHECK_EQ(offsetof(struct mrpc_protocol, receiver_reply_info), 5 * sizeof(void *));
	CHECK_EQ(sizeof(struct mrpc_protocol), 6 * sizeof(void *));
	CHECK_EQ(test_client->is_server, 0);
	CHECK(test_server->is_server != 0);

	SECTION("the info functions of both roles mirror each other");
	CHECK_INFO(test_client->sender_request_info, nr_test_add, sizeof(operands));
	CHECK_INFO(test_server->receiver_request_info, nr_test_add, sizeof(operands));
	CHECK_INFO(test_client->sender_reply_info, nr_test_add, sizeof(number));
	CHECK_INFO(test_server->receiver_reply_info, nr_test_add, sizeof(number));
	CHECK_INFO(test_server->sender_request_info, nr_test_client_add, sizeof(operands));
	CHECK_INFO(test_client->receiver_request_info, nr_test_client_add, sizeof(operands));
	CHECK_INFO(test_client->receiver_reply_info, nr_test_client_add, sizeof(number));
	CHECK_INFO(test_server->sender_reply_info, nr_test_client_add, sizeof(number));

	SECTION("void has size 0");
	CHECK_INFO(test_client->sender_request_info, nr_test_ping, 0);
	CHECK_INFO(test_client->sender_reply_info, nr_test_ping, 0);
	CHECK_INFO(test_client->sender_reply_info, nr_test_put, 0);
	CHECK_INFO(test_client->sender_request_info, nr_test_poke, 0);
	CHECK_INFO(test_server->sender_request_info, nr_test_tick, 0);

	SECTION("no reply info for one-way messages, none for an unknown cmd");
	CHECK_INFO(test_client->sender_request_info, nr_test_notify, sizeof(number));
	CHECK_NO_INFO(test_client->sender_reply_info, nr_test_notify);
	CHECK_NO_INFO(test_server->receiver_reply_info, nr_test_notify);
	CHECK_NO_INFO(test_client->sender_request_info, 9999);
	CHECK_NO_INFO(test_client->sender_request_info, -9999);
	CHECK_NO_INFO(test_client->sender_request_info, 0);
	CHECK_NO_INFO(test_client->sender_reply_info, 0);
	return tap_done();
}
