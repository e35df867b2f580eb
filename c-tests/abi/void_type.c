/*
 * A void type is told by its size, 0, and not by the address of its procedure:
 * each XDR library in a process has its own xdr_void.
 */
#include "byhand.h"

static struct counter procedure_called = COUNTER_INIT, called = COUNTER_INIT;

static bool_t other_void(XDR *xdrs, void *nothing)
{
	(void)xdrs;
	(void)nothing;
	return TRUE;
}

static void on_reply(void *conn_data, void *private, mrpc_status_t status)
{
	(void)conn_data;
	CHECK_PTR(private, &called);
	CHECK_EQ(status, MINIRPC_OK);
	counter_add(&called, 1);
}

static void look(int cmd, void *in)
{
	(void)cmd;
	CHECK_PTR(in, NULL);
	counter_add(&procedure_called, 1);
}

int main(void)
{
	static const struct kind list[] = {
		{ (xdrproc_t)(void (*)(void))other_void, 0 }
	};
	struct leaks leaks;
	struct pair p;
	struct hand h;
	void *out = &p;

	leaks_begin(&leaks);
	KINDS(list);
	hand_look = look;
	SECTION("calls without argument and result; the callback has three arguments");
	hand_pair(&p);
	CHECK_EQ(mrpc_send_request(hand_client, p.client, 1, NULL, NULL), MINIRPC_OK);
	CHECK_EQ(mrpc_send_request(hand_client, p.client, 1, NULL, &out), MINIRPC_OK);
	CHECK_PTR(out, NULL);
	CHECK_EQ(mrpc_send_request_async(hand_server, p.server, 1, (reply_callback_fn *)on_reply,
					 &called, NULL), MINIRPC_OK);
	COUNTER_WAIT(&called, 1);
	CHECK_EQ(mrpc_send_request_noreply(hand_client, p.client, -1, NULL), MINIRPC_OK);
	COUNTER_WAIT(&procedure_called, 4);
	pair_close(&p);

	SECTION("no payload either way; any payload is refused");
	hand_open(&h);
	HAND_ECHO(&h, 1, NULL, 0);
	HAND_ENCODES(&h, 1, NULL, NULL, 0);
	HAND_REFUSED(&h, 1, "\0\0\0\0", 4);
	hand_close(&h);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
