/* PROTO: test.mx */
/* NEEDS: additions */
/*
 * MINIRPC_TIMEDOUT, _CANCELLED and _BUSY are local: a peer learns of none of them from the
 * library, whatever ends early at this end. An application may send them; to its caller they
 * are answers as any other.
 */
#include "timeouts.h"
#include "keep.h"

static struct end e;
static mrpc_status_t answer;
static struct counter called = COUNTER_INIT;

static void on_ping(void *data, void *private, mrpc_status_t status)
{
	(void)data;
	(void)private;
	CHECK(status == TIMEDOUT || status == CANCELLED);
	counter_add(&called, 1);
}

/* Its own calls end early, each in its way, while the caller waits. */
static mrpc_status_t ping(void *data, struct mrpc_message *msg)
{
	struct mrpc_call_options o = with(10, NULL);
	mrpc_call_t call;

	(void)data;
	(void)msg;
	CHECK_EQ(test_client_ping_with(e.conn, &o), TIMEDOUT);
	CHECK_EQ(test_client_ping_async_with(e.conn, &o, on_ping, NULL), MINIRPC_OK);
	o = with(0, &call);
	CHECK_EQ(test_client_ping_async_with(e.conn, &o, on_ping, NULL), MINIRPC_OK);
	CHECK_EQ(mrpc_call_cancel(e.conn, call), 0);
	return MINIRPC_OK;
}

static mrpc_status_t put(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	return *in;
}

static const struct test_server_operations ops = { .ping = ping, .put = put, .later = keep_later };

static mrpc_status_t answers(void *data, struct mrpc_message *msg)
{
	(void)data;
	(void)msg;
	return answer;
}

static const struct test_client_operations client_ops = { .client_ping = answers };

/* What comes to the peer: three requests that end early, and one answer. */
static void quiet_about_own_calls(void)
{
	struct frame f;
	int i;

	SECTION("calls that end early in a handler: its caller sees nothing of it");
	end_open_server(&e, &ops, 1);
	peer_send(e.fd, 1, PENDING, nr_test_ping, NULL, 0);
	for (i = 0; i < 3; i++)
		peer_request(e.fd, nr_test_client_ping);
	PEER_EXPECT(e.fd, 1, MINIRPC_OK, nr_test_ping, NULL, 0);
	COUNTER_WAIT(&called, 2);
	PEER_QUIET(e.fd, 30);

	SECTION("a request limit, a memory limit, a send limit: requests wait, or are answered");
	REQUIRE_EQ(mrpc_set_request_limit(e.set, 1), 0);
	REQUIRE_EQ(mrpc_set_send_limit(e.set, 1), 0);
	peer_number(e.fd, 2, nr_test_later, 1);
	COUNTER_WAIT(&keeps, 1);
	for (i = 3; i < 10; i++)
		peer_number(e.fd, (uint32_t)i, nr_test_put, 0);
	PEER_QUIET(e.fd, 50);
	REQUIRE_EQ(mrpc_set_request_limit(e.set, 0), 0);
	for (i = 3; i < 10; i++)
		PEER_EXPECT(e.fd, (uint32_t)i, MINIRPC_OK, nr_test_put, NULL, 0);

	SECTION("its own accord is the application's: it is sent as it is");
	for (i = MINIRPC_BUSY; i <= MINIRPC_TIMEDOUT; i++) {
		peer_number(e.fd, 20, nr_test_put, i);
		peer_recv(e.fd, &f);
		CHECK_EQ(f.seq, 20);
		CHECK_EQ(f.status, i);
		free(f.data);
	}
	end_close(&e);
}

static void from_the_peer(void)
{
	struct mrpc_set_stats stats = { .size = sizeof(stats) };
	struct pair p;

	SECTION("from the peer, they are answers");
	pair_open(&p, PAIR_SOCKETPAIR, test_client, test_server);
	REQUIRE_EQ(test_client_set_operations(p.client, &client_ops), 0);
	for (answer = MINIRPC_BUSY; answer <= MINIRPC_TIMEDOUT; answer++)
		CHECK_EQ(test_client_ping(p.server), answer);
	CHECK_EQ(mrpc_get_stats(p.server_set, &stats), 0);
	CHECK_EQ(stats.calls_status, 3);
	CHECK_EQ(stats.calls_timed_out, 0);
	CHECK_EQ(stats.calls_cancelled, 0);
	CHECK_EQ(stats.busy, 0);
	CHECK_EQ(stats.late_replies, 0);
	pair_close(&p);
}

int main(void)
{
	struct leaks leaks;

	leaks_begin(&leaks);
	quiet_about_own_calls();
	from_the_peer();
	LEAKS_CHECK(&leaks);
	return tap_done();
}
