/* PROTO: test.mx */
/*
 * A peer that closes its end, or resets the connection, at any point of the
 * protocol: one disconnect, callers get errors, others are served.
 */
#include "extra_rt.h"
#include "keep.h"

enum state {
	IDLE, HALF_HEADER, HALF_PAYLOAD, IN_HANDLER, REPLY_LATER, SYNC_CALL, ASYNC_CALL,
	UNSENT, STOPPED, STATES
};
static const char *const names[STATES] = {
	"idle", "half a header sent", "half a payload sent", "its request in the handler",
	"its request to be replied to later", "a sync call to it outstanding",
	"an async call to it outstanding", "much queued towards it", "its events stopped"
};
enum way { CLOSE_UNIX, CLOSE_TCP, RESET_TCP, WAYS };
static const char *const ways[WAYS] = { "closes, AF_UNIX", "closes, TCP", "resets, TCP" };

static struct counter inside, gate, called, messages;

static mrpc_status_t put(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	(void)in;
	counter_add(&inside, 1);
	COUNTER_WAIT(&gate, 1);
	return MINIRPC_OK;
}

static void notify(void *data, struct mrpc_message *msg, number *in)
{
	struct probe *probe = data;

	(void)msg;
	(void)in;
	CHECK_EQ(counter_get(&probe->disconnects), 0);
	counter_add(&messages, 1);
}

static const struct test_server_operations ops = {
	.ping = answer_ping, .put = put, .later_void = keep_later_void, .notify = notify
};

static void *call(void *conn)
{
	CHECK_EQ(test_client_ping(conn), MINIRPC_NETWORK_FAILURE);
	counter_add(&called, 1);
	return NULL;
}

static void on_ping(void *data, void *private, mrpc_status_t status)
{
	struct probe *probe = data;

	(void)private;
	CHECK_EQ(status, MINIRPC_NETWORK_FAILURE);
	CHECK_EQ(counter_get(&probe->disconnects), 0);
	counter_add(&called, 1);
}

static void go(int *fd, enum way way)
{
	if (way == RESET_TCP)
		peer_reset(*fd);
	else
		close(*fd);
	*fd = -1;
}

static void check_end(struct end *e, enum state state, enum way way)
{
	COUNTER_WAIT(&e->probe.disconnects, 1);
	/* Where the peer leaves data unread, the system resets for it. */
	if (state == UNSENT)
		CHECK(e->probe.reason != MRPC_DISC_USER);
	else
		CHECK_EQ(e->probe.reason, way == RESET_TCP ? MRPC_DISC_IOERR :
			 MRPC_DISC_CLOSED);
	if (e->probe.reason == MRPC_DISC_IOERR)
		CHECK_EQ(counter_get(&e->probe.ioerrs), 1);
}

static void vanish(enum state state, enum way way)
{
	static char payload[65536];
	blob b = { sizeof(payload), payload };
	unsigned char header[HEADER_LEN] = { 0 };
	struct frame f;
	pthread_t thread;
	struct end e;
	number n = 0;
	int i;

	counter_init(&inside);
	counter_init(&keeps);
	counter_init(&gate);
	counter_init(&called);
	counter_init(&messages);
	end_open(&e, test_server, 1, way != CLOSE_UNIX);
	REQUIRE_EQ(test_server_set_operations(e.conn, &ops), 0);
	peer_send(e.fd, 1, PENDING, nr_test_ping, NULL, 0);
	PEER_EXPECT(e.fd, 1, MINIRPC_OK, nr_test_ping, NULL, 0);
	peer_header(header, 2, PENDING, nr_test_put, 4);
	switch (state) {
	case HALF_HEADER:
		peer_write(e.fd, header, 7);
		break;
	case HALF_PAYLOAD:
		peer_write(e.fd, header, sizeof(header));
		peer_write(e.fd, header, 2);
		break;
	case IN_HANDLER:
		peer_number(e.fd, 2, nr_test_put, 1);
		COUNTER_WAIT(&inside, 1);
		break;
	case REPLY_LATER:
		peer_number(e.fd, 2, nr_test_later_void, 1);
		COUNTER_WAIT(&keeps, 1);
		break;
	case SYNC_CALL:
		thread = thread_start(call, e.conn);
		peer_recv(e.fd, &f);
		free(f.data);
		break;
	case ASYNC_CALL:
		for (i = 0; i < 3; i++)
			CHECK_EQ(test_client_ping_async(e.conn, on_ping, NULL), MINIRPC_OK);
		for (i = 0; i < 3; i++) {
			peer_recv(e.fd, &f);
			free(f.data);
		}
		break;
	case UNSENT:
		for (i = 0; i < 64; i++)
			CHECK_EQ(PROMPT(test_flood(e.conn, &b)), MINIRPC_OK);
		break;
	case STOPPED:
		CHECK_EQ(mrpc_stop_events(e.conn), 0);
		for (i = 0; i < 3; i++)
			peer_number(e.fd, 0, nr_test_notify, i);
		WAIT_FOR(conn_count(e.conn, MRPC_CONNCTR_RECV_MSGS) == 4);
		break;
	default:
		break;
	}
	go(&e.fd, way);
	switch (state) {
	case IN_HANDLER:
		STAYS(counter_get(&e.probe.disconnects) == 0, 5);
		counter_add(&gate, 1);
		break;
	case SYNC_CALL:
		COUNTER_WAIT(&called, 1);
		thread_join(thread);
		break;
	case STOPPED:
		STAYS(counter_get(&e.probe.disconnects) == 0, 5);
		CHECK_EQ(mrpc_start_events(e.conn), 0);
		break;
	case REPLY_LATER:
		/* A peer that has ended its sending side only looks the same, and is answered. */
		if (way == CLOSE_TCP) {
			STAYS(counter_get(&e.probe.disconnects) == 0, 5);
			CHECK_EQ(test_later_void_send_async_reply(kept[0]), MINIRPC_OK);
		}
		break;
	default:
		break;
	}
	check_end(&e, state, way);
	CHECK_EQ(counter_get(&messages), state == STOPPED ? 3 : 0);
	CHECK_EQ(counter_get(&called), state == ASYNC_CALL ? 3 : state == SYNC_CALL);
	if (state == REPLY_LATER)
		CHECK_EQ(test_later_void_send_async_reply(kept[0]), MINIRPC_NETWORK_FAILURE);
	CHECK_EQ(test_client_ping(e.conn), MINIRPC_NETWORK_FAILURE);
	CHECK_EQ(test_event(e.conn, &n), MINIRPC_NETWORK_FAILURE);
	CHECK_EQ(mrpc_conn_close(e.conn), 0);
	CHECK_EQ(counter_get(&e.probe.disconnects), 1);
	end_unref(&e);
}

int main(void)
{
	struct leaks leaks;
	int state, way;

	leaks_begin(&leaks);
	for (way = 0; way < WAYS; way++)
		for (state = 0; state < STATES; state++) {
			SECTION("the peer %s: %s", ways[way], names[state]);
			vanish(state, way);
		}
	SECTION("nothing is left");
	LEAKS_CHECK(&leaks);
	return tap_done();
}
