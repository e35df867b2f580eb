/* PROTO: test.mx */
/* NEEDS: additions */
/*
 * The options of calls: which of them are refused, before anything else is looked at; whose
 * timeout a call has; that it keeps the one that it was made with.
 */
#include "timeouts.h"

static mrpc_status_t ping(struct mrpc_connection *conn, const void *options)
{
	return test_ping_with(conn, options);
}

static void on_ping(void *data, void *private, mrpc_status_t status)
{
	(void)data;
	(void)private;
	(void)status;
}

static void refused(struct end *e)
{
	struct { struct mrpc_call_options known; unsigned char more[8]; } longer;
	struct mrpc_call_options o;
	mrpc_call_t call = 99;

	SECTION("a wrong size is refused, first of all");
	o = with(1, &call);
	o.size--;
	CHECK_EQ(ping(e->conn, &o), MINIRPC_INVALID_ARGUMENT);
	CHECK_EQ(test_add_with(e->conn, &o, NULL, NULL), MINIRPC_INVALID_ARGUMENT);
	CHECK_EQ(test_ping_async_with(e->conn, &o, on_ping, NULL), MINIRPC_INVALID_ARGUMENT);
	CHECK_EQ(test_ping_async_with(e->conn, &o, NULL, NULL), MINIRPC_INVALID_ARGUMENT);
	o.size = 0;
	CHECK_EQ(ping(e->conn, &o), MINIRPC_INVALID_ARGUMENT);
	CHECK_EQ(call, 99);

	SECTION("so is what is not known, unless it is zero");
	memset(&longer, 0, sizeof(longer));
	longer.known = with(1, &call);
	longer.known.size = sizeof(longer);
	longer.more[7] = 1;
	CHECK_EQ(ping(e->conn, &longer), MINIRPC_INVALID_ARGUMENT);
	longer.more[7] = 0;
	CHECK_EQ(ping(e->conn, &longer), TIMEDOUT);
	CHECK(call != 0 && call != 99);

	SECTION("then the order of the checks is that of the functions without options");
	o = with(1, &call);
	CHECK_EQ(ping(NULL, &o), MINIRPC_INVALID_ARGUMENT);
	CHECK_EQ(call, 0);
	CHECK_EQ(test_client_ping_with(e->conn, &o), MINIRPC_INVALID_PROTOCOL);
	CHECK_EQ(test_add_with(e->conn, &o, NULL, NULL), MINIRPC_ENCODING_ERR);
	CHECK_EQ(test_ping_async_with(e->conn, &o, NULL, NULL), MINIRPC_INVALID_ARGUMENT);
}

static void setters(struct end *e)
{
	SECTION("what setters refuse");
	CHECK_EQ(mrpc_set_call_timeout(NULL, 1), EINVAL);
	CHECK_EQ(mrpc_set_call_timeout(e->set, MRPC_TIMEOUT_INHERIT), EINVAL);
	CHECK_EQ(mrpc_set_conn_call_timeout(NULL, 1), EINVAL);
	CHECK_EQ(mrpc_call_cancel(NULL, 1), EINVAL);
	CHECK_EQ(mrpc_call_cancel(e->conn, 0), ENOENT);
	CHECK_EQ(mrpc_call_cancel(e->conn, 1), ENOENT);
	CHECK_STR(mrpc_strerror(MINIRPC_TIMEDOUT), "Call timed out");
	CHECK_STR(mrpc_strerror(MINIRPC_CANCELLED), "Call cancelled");
	CHECK_STR(mrpc_strerror(MINIRPC_BUSY), "Limit reached");
}

static struct counter returned = COUNTER_INIT;

struct request {
	struct mrpc_connection *conn;
	const struct mrpc_call_options *options;
	mrpc_status_t status;
};

static void *get_thread(void *arg)
{
	struct request *r = arg;
	number *out;

	r->status = test_get_with(r->conn, r->options, &out);
	free_number(out, 1);
	counter_add(&returned, 1);
	return NULL;
}

/* What the peer was asked so far is of no interest. */
static void swallow(struct end *e)
{
	char buffer[4096];

	while (recv(e->fd, buffer, sizeof(buffer), MSG_DONTWAIT) > 0)
		;
}

/* A call has no timeout, also if there is one for others by now: `later` sets it. */
static void for_ever(struct end *e, const struct mrpc_call_options *options,
		     void (*later)(struct end *))
{
	struct request r = { e->conn, options, 99 };
	pthread_t thread;
	uint32_t seq;

	swallow(e);
	counter_init(&returned);
	thread = thread_start(get_thread, &r);
	seq = peer_request(e->fd, nr_test_get);
	if (later != NULL)
		later(e);
	STAYS(counter_get(&returned) == 0, 60);
	peer_reply_number(e->fd, seq, nr_test_get, 3);
	thread_join(thread);
	CHECK_EQ(r.status, MINIRPC_OK);
}

static void of_all(struct end *e)
{
	REQUIRE_EQ(mrpc_set_call_timeout(e->set, 20), 0);
}

static void of_this(struct end *e)
{
	REQUIRE_EQ(mrpc_set_conn_call_timeout(e->conn, 20), 0);
}

static void inherited(struct end *e)
{
	struct mrpc_call_options o = MRPC_CALL_OPTIONS_INIT, none = with(0, NULL);
	number *out;

	SECTION("the default is for ever; a call keeps the timeout that it was made with");
	for_ever(e, NULL, of_all);

	SECTION("a set's timeout is that of calls that have no other");
	CHECK_EQ(test_get(e->conn, &out), TIMEDOUT);
	CHECK_EQ(test_get_with(e->conn, NULL, &out), TIMEDOUT);
	CHECK_EQ(test_get_with(e->conn, &o, &out), TIMEDOUT);
	CHECK(out == NULL);
	for_ever(e, &none, NULL);

	SECTION("a connection's goes before it");
	REQUIRE_EQ(mrpc_set_conn_call_timeout(e->conn, 0), 0);
	for_ever(e, &o, of_this);
	CHECK_EQ(test_get(e->conn, &out), TIMEDOUT);
	REQUIRE_EQ(mrpc_set_call_timeout(e->set, 0), 0);
	CHECK_EQ(test_get(e->conn, &out), TIMEDOUT);
	REQUIRE_EQ(mrpc_set_conn_call_timeout(e->conn, MRPC_TIMEOUT_INHERIT), 0);
	for_ever(e, NULL, NULL);
}

int main(void)
{
	struct leaks leaks;
	struct end e;

	leaks_begin(&leaks);
	end_open_client(&e, &no_ops, 1);
	refused(&e);
	setters(&e);
	inherited(&e);
	end_close(&e);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
