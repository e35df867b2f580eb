/* MODES: plain (replaces the allocator) */
/*
 * No memory for an argument, or for a result: the request is answered with an
 * error, and its handler is never called without them. No memory for a reply: the
 * call ends with an error. What comes next is served.
 */
#define MINIRPC_PROTOCOL
#define _GNU_SOURCE
#include "harness.h"

#include <minirpc/protocol.h>

/* Of sizes that nobody else asks for. */
struct argument { int value; char rest[4317 - sizeof(int)]; };
struct result { int value; char rest[5651 - sizeof(int)]; };

enum { DOUBLE = 1, MESSAGE = -1, VALUE = 21 };

/* ---- an allocator that refuses one size ---- */

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

static volatile size_t refused_size;
static volatile int refusals;

static bool refuse(size_t size)
{
	if (refused_size == 0 || size < refused_size || size >= refused_size + 64)
		return false;
	__atomic_fetch_add(&refusals, 1, __ATOMIC_SEQ_CST);
	errno = ENOMEM;
	return true;
}

void *malloc(size_t size)
{
	return refuse(size) ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return refuse(n * size) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
	return refuse(size) ? NULL : __libc_realloc(old, size);
}

int posix_memalign(void **out, size_t align, size_t size)
{
	*out = refuse(size) ? NULL : __libc_memalign(align, size);
	return *out != NULL ? 0 : ENOMEM;
}

/* ---- a protocol of them ---- */

static struct counter requests = COUNTER_INIT, messages = COUNTER_INIT;

static bool_t code_value(XDR *xdrs, int *value)
{
	long word = *value;

	if (xdrs->x_op == XDR_FREE)
		return TRUE;
	if (xdrs->x_op == XDR_ENCODE)
		return xdrs->x_ops->x_putlong(xdrs, &word);
	if (!xdrs->x_ops->x_getlong(xdrs, &word))
		return FALSE;
	*value = (int)word;
	return TRUE;
}

static bool_t code_argument(XDR *xdrs, struct argument *a)
{
	return code_value(xdrs, &a->value);
}

static bool_t code_result(XDR *xdrs, struct result *r)
{
	return code_value(xdrs, &r->value);
}

static mrpc_status_t argument_info(unsigned cmd, xdrproc_t *type, unsigned *size)
{
	if ((int)cmd != DOUBLE && (int)cmd != MESSAGE)
		return MINIRPC_PROCEDURE_UNAVAIL;
	SET_PTR_IF_NOT_NULL(type, (xdrproc_t)(void (*)(void))code_argument);
	SET_PTR_IF_NOT_NULL(size, sizeof(struct argument));
	return MINIRPC_OK;
}

static mrpc_status_t result_info(unsigned cmd, xdrproc_t *type, unsigned *size)
{
	if ((int)cmd != DOUBLE)
		return MINIRPC_PROCEDURE_UNAVAIL;
	SET_PTR_IF_NOT_NULL(type, (xdrproc_t)(void (*)(void))code_result);
	SET_PTR_IF_NOT_NULL(size, sizeof(struct result));
	return MINIRPC_OK;
}

static mrpc_status_t request(const void *ops, void *conn_data, struct mrpc_message *msg, int cmd,
			     void *in, void *out)
{
	(void)ops;
	(void)conn_data;
	(void)msg;
	if (!CHECK(in != NULL) || !CHECK((out != NULL) == (cmd == DOUBLE)))
		return MINIRPC_PROCEDURE_UNAVAIL;
	if (cmd == DOUBLE)
		((struct result *)out)->value = 2 * ((struct argument *)in)->value;
	counter_add(cmd == DOUBLE ? &requests : &messages, 1);
	return MINIRPC_OK;
}

static const struct mrpc_protocol server_protocol = {
	1, request, argument_info, result_info, argument_info, result_info
};
static const struct mrpc_protocol client_protocol = {
	0, request, argument_info, result_info, argument_info, result_info
};

/* ---- calls ---- */

static struct pair p;
static struct counter called = COUNTER_INIT;
static mrpc_status_t called_with;

static mrpc_status_t call(void)
{
	struct argument in = { .value = VALUE };
	void *out = NULL;
	mrpc_status_t status = mrpc_send_request(&client_protocol, p.client, DOUBLE, &in, &out);

	if (status == MINIRPC_OK)
		CHECK_EQ(((struct result *)out)->value, 2 * VALUE);
	else
		CHECK_PTR(out, NULL);
	free(out);
	return status;
}

static void on_reply(void *conn_data, void *msg_data, mrpc_status_t status, void *reply)
{
	(void)conn_data;
	(void)msg_data;
	CHECK_EQ(status == MINIRPC_OK, reply != NULL);
	called_with = status;
	counter_add(&called, 1);
}

static mrpc_status_t call_async(void)
{
	struct argument in = { .value = VALUE };
	long before = counter_get(&called);

	REQUIRE_EQ(mrpc_send_request_async(&client_protocol, p.client, DOUBLE,
					   (reply_callback_fn *)(void (*)(void))on_reply, NULL,
					   &in), MINIRPC_OK);
	COUNTER_WAIT(&called, before + 1);
	return called_with;
}

/* Fails, with one that comes over the wire or is made here, and goes on. */
#define FAILS(call) do { \
	mrpc_status_t fails_ = (call); \
	CHECK_MSG(fails_ < 0 && fails_ != MINIRPC_PENDING, "status %d", fails_); \
} while (0)

static void *call_fails(void *arg)
{
	(void)arg;
	FAILS(call());
	return NULL;
}

static void answer(int fd, uint32_t seq)
{
	PEER_EXPECT(fd, seq, PENDING, DOUBLE, "\0\0\0\x15", 4);
	peer_send(fd, seq, MINIRPC_OK, DOUBLE, "\0\0\0\x2a", 4);
}

static void *answer_second(void *fd)
{
	answer(*(int *)fd, 1);
	return NULL;
}

/* The server is a bare socket, so that nothing is refused there. */
static void replies(void)
{
	struct mrpc_conn_set *set;
	struct argument in = { .value = VALUE };
	struct probe probe;
	pthread_t thread;
	long before;
	int fd;

	probe_init(&probe);
	REQUIRE_EQ(mrpc_conn_set_create(&set, &client_protocol, NULL), 0);
	probe_watch(set);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	REQUIRE_EQ(mrpc_conn_create(&p.client, set, &probe), 0);
	fd = peer_bind(p.client);
	refused_size = sizeof(struct result);

	SECTION("no memory for a reply, a sync call");
	thread = thread_start(call_fails, NULL);
	answer(fd, 0);
	thread_join(thread);

	SECTION("no memory for a reply, an async call");
	thread = thread_start(answer_second, &fd);
	FAILS(call_async());
	thread_join(thread);

	SECTION("and for the next one there is");
	refused_size = 0;
	before = counter_get(&called);
	REQUIRE_EQ(mrpc_send_request_async(&client_protocol, p.client, DOUBLE,
					   (reply_callback_fn *)(void (*)(void))on_reply, NULL,
					   &in), MINIRPC_OK);
	answer(fd, 2);
	COUNTER_WAIT(&called, before + 1);
	CHECK_EQ(called_with, MINIRPC_OK);
	close(fd);
	COUNTER_WAIT(&probe.disconnects, 1);
	mrpc_conn_unref(p.client);
	mrpc_conn_set_unref(set);
}

int main(void)
{
	static const struct argument argument = { .value = VALUE };
	struct leaks leaks;
	int before;

	leaks_begin(&leaks);
	pair_open(&p, PAIR_SOCKETPAIR, &client_protocol, &server_protocol);
	CHECK_EQ(mrpc_conn_set_operations(p.server, &server_protocol, &p), 0);
	CHECK_EQ(call(), MINIRPC_OK);
	CHECK_EQ(call_async(), MINIRPC_OK);
	CHECK_EQ(counter_get(&requests), 2);

	SECTION("no memory for the argument of a request");
	refused_size = sizeof(struct argument);
	FAILS(call());
	FAILS(call_async());
	CHECK_MSG(refusals >= 2, "%d refusals", refusals);

	SECTION("no memory for the argument of a message");
	before = refusals;
	CHECK_EQ(mrpc_send_request_noreply(&client_protocol, p.client, MESSAGE, (void *)&argument),
		 MINIRPC_OK);
	WAIT_FOR(refusals > before);
	refused_size = 0;
	CHECK_EQ(call(), MINIRPC_OK);
	CHECK_EQ(counter_get(&messages), 0);

	/* The caller's reply object is as large: the server's is refused first. */
	SECTION("no memory for the result");
	before = (int)counter_get(&requests);
	refused_size = sizeof(struct result);
	FAILS(call());
	FAILS(call_async());
	refused_size = 0;
	CHECK_EQ(counter_get(&requests), before);
	CHECK_EQ(call(), MINIRPC_OK);
	pair_close(&p);

	replies();
	LEAKS_CHECK(&leaks);
	return tap_done();
}
