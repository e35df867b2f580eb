#include <stdlib.h>
#include "values.h"
#include "role.h"

static const struct {
	procedure proc;
	unsigned size;
} types[] = {
	[ROLE_VOID] = { (procedure)(void (*)(void))xdr_void, 0 },
	[ROLE_TEXT] = { PROCEDURE(text), sizeof(text) },
	[ROLE_BY_INT] = { PROCEDURE(by_int), sizeof(by_int) },
	[ROLE_NUMBERS] = { PROCEDURE(numbers), sizeof(numbers) },
	[ROLE_ARRAYS] = { PROCEDURE(arrays), sizeof(arrays) },
};

static unsigned char bytes[1 << 20];

int
role_type(int cmd, int reply)
{
	switch (cmd) {
	case 1: return ROLE_VOID;
	case 2: return ROLE_TEXT;
	case 3: return ROLE_BY_INT;
	case 4: return ROLE_NUMBERS;
	case 5: return reply ? ROLE_VOID : ROLE_ARRAYS;
	case -1: return reply ? ROLE_NONE : ROLE_VOID;
	case -2: return reply ? ROLE_NONE : ROLE_TEXT;
	default: return ROLE_NONE;
	}
}

long
role_again(int type, const void *payload, size_t len, void *out, size_t room)
{
	unsigned i;

	if (type == ROLE_VOID)
		return len == 0 ? 0 : -1;
	for (i = 0; i < values_types(); i++) {
		static const char *const names[] = { "", "text", "by_int", "numbers", "arrays" };

		if (strcmp(values_name(i), names[type]) == 0)
			return values_again(i, payload, len, out, room);
	}
	abort();
}

static mrpc_status_t
info(int type, xdrproc_t *proc, unsigned *size)
{
	if (type == ROLE_NONE)
		return MINIRPC_PROCEDURE_UNAVAIL;
	SET_PTR_IF_NOT_NULL(proc, (xdrproc_t)(void (*)(void))types[type].proc);
	SET_PTR_IF_NOT_NULL(size, types[type].size);
	return MINIRPC_OK;
}

static mrpc_status_t
received(unsigned cmd, xdrproc_t *proc, unsigned *size)
{
	return info(role_type((int)cmd, 0), proc, size);
}

static mrpc_status_t
replied(unsigned cmd, xdrproc_t *proc, unsigned *size)
{
	return info(role_type((int)cmd, 1), proc, size);
}

/* Calls of its own have no argument. */
static mrpc_status_t
sent(unsigned cmd, xdrproc_t *proc, unsigned *size)
{
	return info(role_type((int)cmd, 0) == ROLE_NONE ? ROLE_NONE : ROLE_VOID, proc, size);
}

static mrpc_status_t
request(const void *ops, void *conn, struct mrpc_message *msg, int cmd, void *in, void *out)
{
	int type = role_type(cmd, 0);
	long len = 0;

	(void)ops;
	if (type != ROLE_VOID)
		len = values_encode(types[type].proc, in, bytes, sizeof bytes);
	role_called(conn, cmd, msg, bytes, len);
	switch (cmd) {
	case 2:
	case 3:
		if (!values_decode(types[type].proc, bytes, (size_t)len, out))
			abort();
		return MINIRPC_OK;
	case 4:
		return 7;
	case 5:
		return MINIRPC_PENDING;
	default:
		return MINIRPC_OK;
	}
}

const struct mrpc_protocol role = {
	.is_server = 1,
	.request = request,
	.sender_request_info = sent,
	.sender_reply_info = replied,
	.receiver_request_info = received,
	.receiver_reply_info = replied,
};

static void
callback(int type, void *conn, void *data, mrpc_status_t status, const void *value)
{
	long len = 0;

	if (status == MINIRPC_OK && type != ROLE_VOID)
		len = values_encode(types[type].proc, value, bytes, sizeof bytes);
	role_replied(conn, data, status, bytes, len);
}

static void
void_replied(void *conn, void *data, mrpc_status_t status)
{
	callback(ROLE_VOID, conn, data, status, NULL);
}

#define REPLIED(name, type) \
static void \
name(void *conn, void *data, mrpc_status_t status, void *value) \
{ \
	callback(type, conn, data, status, value); \
}
REPLIED(text_replied, ROLE_TEXT)
REPLIED(by_int_replied, ROLE_BY_INT)
REPLIED(numbers_replied, ROLE_NUMBERS)

mrpc_status_t
role_call(struct mrpc_connection *conn, int cmd, void *data)
{
	static reply_callback_fn *const callbacks[] = {
		[1] = (reply_callback_fn *)void_replied,
		[2] = (reply_callback_fn *)text_replied,
		[3] = (reply_callback_fn *)by_int_replied,
		[4] = (reply_callback_fn *)numbers_replied,
	};

	return mrpc_send_request_async(&role, conn, cmd, callbacks[cmd], data, NULL);
}

mrpc_status_t
role_say(struct mrpc_connection *conn)
{
	return mrpc_send_request_noreply(&role, conn, -1, NULL);
}

mrpc_status_t
role_answer(struct mrpc_message *message)
{
	return mrpc_send_reply(&role, 5, message, NULL);
}
