/* PROTO: test.mx */
/* NEEDS: additions */
/*
 * mrpc_set_idle_timeout: a connection with no complete message either way and
 * nothing outstanding for so long ends, with an ioerr and MRPC_DISC_IOERR; any
 * message, and anything outstanding, keeps it.
 */
#include "held.h"
#include "keep.h"

enum { IDLE = 200, SOON = 5000 };

static struct counter called = COUNTER_INIT;

static const struct test_server_operations ops = {
	.ping = answer_ping, .later = keep_later, .notify = hold_message
};

static void on_ping(void *data, void *private, mrpc_status_t status)
{
	(void)data;
	(void)private;
	CHECK_EQ(status, MINIRPC_OK);
	counter_add(&called, 1);
}

static void open_idle(struct held *h, unsigned ms, bool tcp)
{
	counter_init(&keeps);
	counter_init(&called);
	held_open(h, &ops, 2, tcp, 0);
	REQUIRE_EQ(mrpc_set_idle_timeout(h->e.set, ms), 0);
}

/* It ends, not before so long after the start, and soon. */
static void check_ended(struct held *h, int64_t start, int64_t idle)
{
	int64_t took;

	WAIT_FOR_MS(counter_get(&h->e.probe.disconnects) == 1, idle + SOON);
	took = now_ms() - start;
	CHECK_MSG(took >= idle, "ended after %lld ms", (long long)took);
	CHECK_EQ(h->e.probe.reason, MRPC_DISC_IOERR);
	CHECK_EQ(counter_get(&h->e.probe.ioerrs), 1);
	tap_note("%s", h->e.probe.text);
	PEER_EOF(h->e.fd);
	held_close(h);
}

static void ends(bool tcp)
{
	unsigned char part[HEADER_LEN + 2] = { 0 };
	struct held h;
	int64_t start;

	SECTION("without a message");
	start = now_ms();
	open_idle(&h, IDLE, tcp);
	check_ended(&h, start, IDLE);

	SECTION("after the last one");
	open_idle(&h, (unsigned)scaled(800), tcp);
	start = now_ms();
	peer_send(h.e.fd, 1, PENDING, nr_test_ping, NULL, 0);
	PEER_EXPECT(h.e.fd, 1, MINIRPC_OK, nr_test_ping, NULL, 0);
	check_ended(&h, start, scaled(800));

	SECTION("half a frame is no message");
	start = now_ms();
	open_idle(&h, IDLE, tcp);
	peer_write(h.e.fd, "\0\0\0\1\377\377\377\377", 8);
	check_ended(&h, start, IDLE);

	SECTION("nor is half a payload");
	start = now_ms();
	open_idle(&h, IDLE, tcp);
	peer_header(part, 1, PENDING, nr_test_notify, 4);
	peer_write(h.e.fd, part, sizeof(part));
	check_ended(&h, start, IDLE);

	SECTION("set on a connection that has been idle for longer");
	open_idle(&h, 0, tcp);
	STAYS(counter_get(&h.e.probe.disconnects) == 0, 2 * IDLE);
	REQUIRE_EQ(mrpc_set_idle_timeout(h.e.set, IDLE), 0);
	check_ended(&h, now_ms(), 0);
}

/* Something happens every 20 ms, for twice as long. */
static void messages_keep(bool tcp, int kind)
{
	static const char *const names[] = { "messages of the peer's", "messages of ours", "requests" };
	struct held h;
	struct frame f;
	int64_t end;
	int n = 0;

	SECTION("%s keep it", names[kind]);
	open_idle(&h, (unsigned)scaled(3 * IDLE), tcp);
	counter_add(&tickets, NO_END / 2);
	end = now_ms() + scaled(6 * IDLE);
	while (now_ms() < end && counter_get(&h.e.probe.disconnects) == 0) {
		if (kind == 0) {
			peer_number(h.e.fd, 0, nr_test_notify, n);
		} else if (kind == 1) {
			CHECK_EQ(test_event(h.e.conn, &n), MINIRPC_OK);
			peer_recv(h.e.fd, &f);
			free(f.data);
		} else {
			peer_send(h.e.fd, 1, PENDING, nr_test_ping, NULL, 0);
			PEER_EXPECT(h.e.fd, 1, MINIRPC_OK, nr_test_ping, NULL, 0);
		}
		n++;
		usleep(20000);
	}
	CHECK_EQ(counter_get(&h.e.probe.disconnects), 0);
	held_close(&h);
	CHECK_EQ(counter_get(&h.e.probe.ioerrs), 0);
}

static void *call(void *conn)
{
	CHECK_EQ(test_client_ping(conn), MINIRPC_OK);
	return NULL;
}

/* For three times as long; then they are answered, and it ends. */
static void outstanding_keeps(bool tcp)
{
	pthread_t thread;
	struct held h;
	struct frame f;
	int64_t start;
	int i;

	SECTION("a sync call of ours keeps it");
	open_idle(&h, IDLE, tcp);
	thread = thread_start(call, h.e.conn);
	peer_recv(h.e.fd, &f);
	STAYS(counter_get(&h.e.probe.disconnects) == 0, 3 * IDLE);
	start = now_ms();
	peer_send(h.e.fd, f.seq, MINIRPC_OK, f.cmd, NULL, 0);
	thread_join(thread);
	free(f.data);
	check_ended(&h, start, IDLE);

	SECTION("an async call of ours keeps it");
	open_idle(&h, IDLE, tcp);
	CHECK_EQ(test_client_ping_async(h.e.conn, on_ping, NULL), MINIRPC_OK);
	peer_recv(h.e.fd, &f);
	STAYS(counter_get(&h.e.probe.disconnects) == 0, 3 * IDLE);
	start = now_ms();
	peer_send(h.e.fd, f.seq, MINIRPC_OK, f.cmd, NULL, 0);
	COUNTER_WAIT(&called, 1);
	free(f.data);
	check_ended(&h, start, IDLE);

	SECTION("a request that a handler keeps, keeps it");
	open_idle(&h, IDLE, tcp);
	peer_number(h.e.fd, 1, nr_test_later, 1);
	COUNTER_WAIT(&keeps, 1);
	STAYS(counter_get(&h.e.probe.disconnects) == 0, 3 * IDLE);
	start = now_ms();
	CHECK_EQ(answer_kept(0, 1), MINIRPC_OK);
	PEER_NUMBER(h.e.fd, 1, nr_test_later, 1);
	check_ended(&h, start, IDLE);

	SECTION("a handler that takes its time keeps it, and so does what waits for it");
	open_idle(&h, IDLE, tcp);
	for (i = 0; i < 3; i++) {
		peer_number(h.e.fd, 0, nr_test_notify, i);
		COUNTER_WAIT(&begun, 1);
	}
	STAYS(counter_get(&h.e.probe.disconnects) == 0, 3 * IDLE);
	start = now_ms();
	counter_add(&tickets, NO_END / 2);
	check_ended(&h, start, IDLE);
	CHECK_EQ(counter_get(&done), 3);
}

int main(void)
{
	struct leaks leaks;
	int tcp, kind;

	leaks_begin(&leaks);
	CHECK_EQ(mrpc_set_idle_timeout(NULL, 1), EINVAL);
	for (tcp = 0; tcp < 2; tcp++) {
		ends(tcp);
		for (kind = 0; kind < 3; kind++)
			messages_keep(tcp, kind);
		if (!tcp)
			outstanding_keeps(tcp);
		LEAKS_CHECK(&leaks);
	}
	return tap_done();
}
