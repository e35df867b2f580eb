/*
 * Two protocols that share types, in one program, over a library that only
 * notes what it is called with. Prints nothing but failures.
 */
#include <stdio.h>
#include <stdlib.h>
#define MINIRPC_PROTOCOL
#include <minirpc/protocol.h>
#include "first_client.h"
#include "first_server.h"
#include "second_client.h"
#include "second_server.h"
#include "names_client.h"
#include "names_server.h"

/* names.mx has these for constants. */
#undef len
#undef wire
#undef bound

static int failures;

#define CHECK(condition) do { \
		if (!(condition)) { \
			printf("%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			failures++; \
		} \
	} while (0)

/* --- The library --------------------------------------------------------- */

static struct {
	const struct mrpc_protocol *protocol;
	const void *where;
	int cmd;
	const void *data;
	const void *extra;
	const struct mrpc_call_options *options;
	mrpc_status_t status;
} last;

static int the_reply;

int
mrpc_conn_set_operations(struct mrpc_connection *conn,
	const struct mrpc_protocol *protocol, const void *ops)
{
	last.protocol = protocol;
	last.where = conn;
	last.data = ops;
	return 17;
}

mrpc_status_t
mrpc_send_request(const struct mrpc_protocol *protocol,
	struct mrpc_connection *conn, int cmd, void *data, void **out)
{
	last.protocol = protocol;
	last.where = conn;
	last.cmd = cmd;
	last.data = data;
	last.extra = out;
	if (out != NULL)
		*out = &the_reply;
	return 18;
}

mrpc_status_t
mrpc_send_request_async(const struct mrpc_protocol *protocol,
	struct mrpc_connection *conn, int cmd, reply_callback_fn *callback,
	void *private, void *data)
{
	last.protocol = protocol;
	last.where = conn;
	last.cmd = cmd;
	last.data = data;
	last.extra = private;
	CHECK(callback != NULL);
	return 19;
}

mrpc_status_t
mrpc_send_request_with(const struct mrpc_protocol *protocol,
	struct mrpc_connection *conn, const struct mrpc_call_options *options,
	int cmd, void *data, void **out)
{
	last.options = options;
	return mrpc_send_request(protocol, conn, cmd, data, out) + 100;
}

mrpc_status_t
mrpc_send_request_async_with(const struct mrpc_protocol *protocol,
	struct mrpc_connection *conn, const struct mrpc_call_options *options,
	int cmd, reply_callback_fn *callback, void *private, void *data)
{
	last.options = options;
	return mrpc_send_request_async(protocol, conn, cmd, callback, private,
		data) + 100;
}

mrpc_status_t
mrpc_send_request_noreply(const struct mrpc_protocol *protocol,
	struct mrpc_connection *conn, int cmd, void *data)
{
	last.protocol = protocol;
	last.where = conn;
	last.cmd = cmd;
	last.data = data;
	return 20;
}

mrpc_status_t
mrpc_send_reply(const struct mrpc_protocol *protocol, int cmd,
	struct mrpc_message *request, void *data)
{
	last.protocol = protocol;
	last.where = request;
	last.cmd = cmd;
	last.data = data;
	return 21;
}

mrpc_status_t
mrpc_send_reply_error(const struct mrpc_protocol *protocol, int cmd,
	struct mrpc_message *request, mrpc_status_t code)
{
	last.protocol = protocol;
	last.where = request;
	last.cmd = cmd;
	last.status = code;
	return 22;
}

/* --- Handlers -------------------------------------------------------------- */

static const void *got_cookie, *got_message, *got_in, *got_out;

static mrpc_status_t
draw(void *cookie, struct mrpc_message *message, shape *given, name *made)
{
	got_cookie = cookie;
	got_message = message;
	got_in = given;
	got_out = made;
	return 23;
}

static void
event(void *cookie, struct mrpc_message *message, conn_data *given)
{
	got_cookie = cookie;
	got_message = message;
	got_in = given;
}

static void
callback_fn(void *conn_private_, void *msg_private_, mrpc_status_t code,
	name *made)
{
	(void)conn_private_;
	(void)msg_private_;
	(void)code;
	(void)made;
}

int
main(void)
{
	char handle, request, cookie;
	struct mrpc_connection *connection = (void *)&handle;
	struct mrpc_message *message = (void *)&request;
	struct first_server_operations operations = { draw, NULL, NULL };
	struct names_server_operations with_events = { 0 };
	xdrproc_t procedure;
	unsigned bytes;
	shape given = { 0 };
	name made, *answer = NULL;
	conn_data value = 0;
	struct mrpc_call_options options = MRPC_CALL_OPTIONS_INIT;
	XDR stream;

	CHECK(first_server->is_server == 1 && first_client->is_server == 0);
	CHECK(first_client->request == NULL && first_server->request != NULL);
	CHECK(names_client->request != NULL);
	CHECK(FIRST_MRPC_VERSION_CODE() == MRPC_VERSION_CODE());
	CHECK(nr_first_draw == 1 && nr_names_buf == -1 && nr_names_cls == -2);

	/* Calls, replies, messages. */
	CHECK(first_draw(connection, &given, &answer) == 18);
	CHECK(last.protocol == first_client && last.where == connection);
	CHECK(last.cmd == 1 && last.data == &given && (void *)answer == &the_reply);
	CHECK(first_draw(connection, &given, NULL) == 18 && last.extra == NULL);
	CHECK(second_draw_async(connection, callback_fn, &cookie, &given) == 19);
	CHECK(last.protocol == second_client && last.extra == &cookie);
	CHECK(first_draw_with(connection, &options, &given, &answer) == 118);
	CHECK(last.protocol == first_client && last.where == connection);
	CHECK(last.options == &options && last.data == &given);
	CHECK(second_draw_async_with(connection, NULL, callback_fn, &cookie,
		&given) == 119);
	CHECK(last.options == NULL && last.extra == &cookie);
	CHECK(first_draw_send_async_reply(message, &made) == 21);
	CHECK(last.protocol == first_server && last.where == message);
	CHECK(first_pick_send_async_reply_error(message, 5) == 22);
	CHECK(last.cmd == 3 && last.status == 5);
	CHECK(names_buf(connection, &value) == 20 && last.cmd == -1);
	CHECK(names_cls(connection) == 20 && last.data == NULL);
	CHECK(first_server_set_operations(connection, &operations) == 17);
	CHECK(last.protocol == first_server && last.data == &operations);

	/* Dispatch. */
	CHECK(first_server->request(&operations, &cookie, message, 1, &given,
		&made) == 23);
	CHECK(got_cookie == &cookie && got_message == message);
	CHECK(got_in == &given && got_out == &made);
	CHECK(first_server->request(&operations, &cookie, message, 2, &given,
		&made) == MINIRPC_PROCEDURE_UNAVAIL);
	CHECK(first_server->request(&operations, &cookie, message, 9, &given,
		&made) == MINIRPC_PROCEDURE_UNAVAIL);
	CHECK(first_server->request(NULL, &cookie, message, 1, &given, &made) ==
		MINIRPC_PROCEDURE_UNAVAIL);
	with_events.buf = event;
	CHECK(names_server->request(&with_events, &cookie, message, -1, &value,
		NULL) == MINIRPC_OK);
	CHECK(got_in == &value);
	CHECK(names_server->request(&with_events, &cookie, message, -2, NULL,
		NULL) == MINIRPC_PROCEDURE_UNAVAIL);

	/* Types and sizes. */
	CHECK(first_client->sender_request_info(1, &procedure, &bytes) ==
		MINIRPC_OK);
	CHECK(procedure == MRPC_XDRPROC(xdr_shape) && bytes == sizeof(shape));
	CHECK(first_client->sender_reply_info(9, NULL, NULL) ==
		MINIRPC_PROCEDURE_UNAVAIL);
	CHECK(first_client->receiver_request_info(1, NULL, NULL) ==
		MINIRPC_PROCEDURE_UNAVAIL);
	CHECK(first_server->receiver_reply_info(2, &procedure, &bytes) ==
		MINIRPC_OK);
	CHECK(procedure == MRPC_XDRPROC(xdr_color) && bytes == sizeof(color));
	CHECK(names_client->sender_request_info((unsigned)-2, &procedure,
		&bytes) == MINIRPC_OK);
	CHECK(bytes == 0 && procedure(NULL, NULL));
	CHECK(names_client->sender_reply_info((unsigned)-2, NULL, NULL) ==
		MINIRPC_PROCEDURE_UNAVAIL);

	/* Numbers that are arguments by C's own names. */
	mrpc_xdr_set_free(&stream);
	CHECK(names_server->receiver_request_info(9, &procedure, &bytes) ==
		MINIRPC_OK);
	CHECK(bytes == 4 && procedure(&stream, &bytes));
	CHECK(names_server->receiver_reply_info(9, &procedure, &bytes) ==
		MINIRPC_OK);
	CHECK(bytes == 8 && procedure(&stream, &bytes));
	free_uint64_t(NULL, 1);
	free_uint64_t(calloc(1, sizeof(uint64_t)), 1);

	/* Which numbers an enum names, be they negative or out of order. */
	CHECK(mrpc_is_valid_color(RED) && mrpc_is_valid_color(BLUE));
	CHECK(!mrpc_is_valid_color((color)3) && !mrpc_is_valid_color((color)-1));
	CHECK(mrpc_is_valid_status(ok) && mrpc_is_valid_status((enum status)5));
	CHECK(mrpc_is_valid_status((enum status)0));
	CHECK(!mrpc_is_valid_status((enum status)2));
	CHECK(!mrpc_is_valid_status((enum status)-2));

	/* Freeing, through the other file's procedures too. */
	free_shape(NULL, 1);
	given.title = malloc(1);
	given.next = calloc(1, sizeof *given.next);
	given.next->title = malloc(1);
	free_shape(&given, 0);
	CHECK(given.title == NULL && given.next == NULL);
	return failures != 0;
}
