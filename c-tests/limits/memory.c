/* PROTO: test.mx */
/* NEEDS: additions */
/* TIMEOUT: 60 */
/*
 * mrpc_set_memory_limit: what all connections of a set hold together. Over it new
 * ones rest, calls and messages return MINIRPC_BUSY, replies go, and those that
 * hold most are not read from, the others are. Who stays in the middle of a message
 * there is ended by linger. A sync call of ours reads on, to its hard bound.
 */
#include "held.h"
#include "accept.h"

enum { LIMIT = MIB, READ = 65536, PEERS = 8, PART = 250000, FRAME = 300000, BUSY = -9,
       STAY = 2 /* whose frames are within the limit */ };

static struct peer {
	struct mrpc_connection *conn;
	struct probe probe;
	int fd, ours;
	size_t sent;            /* of the frame */
} peers[PEERS + 1];             /* the last one is small */

static struct mrpc_conn_set *set;
static struct counter pushed = COUNTER_INIT;
static char *port;
static unsigned char frame[HEADER_LEN + FRAME];

static void push(void *data, struct mrpc_message *msg, blob *in)
{
	(void)data;
	(void)msg;
	CHECK_EQ(in->blob_len, FRAME - 4);
	counter_add(&pushed, 1);
}

static const struct test_server_operations ops = { .ping = answer_ping, .push = push };
static const struct test_server_operations hold_ops = { .ping = answer_ping, .push = hold_blob };

static void open_peers(void)
{
	struct peer *p;
	int fds[2];

	counter_init(&pushed);
	port = NULL;
	set = accept_open(accept_and_drop, &ops);
	REQUIRE_EQ(mrpc_set_max_buf_len(set, FRAME), 0);
	REQUIRE_EQ(mrpc_set_memory_limit(set, LIMIT), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	REQUIRE_EQ(mrpc_listen(set, AF_INET, "127.0.0.1", &port), 0);
	for (p = peers; p <= &peers[PEERS]; p++) {
		probe_init(&p->probe);
		p->sent = 0;
		REQUIRE_EQ(mrpc_conn_create(&p->conn, set, &p->probe), 0);
		REQUIRE_EQ(test_server_set_operations(p->conn, &ops), 0);
		REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
		REQUIRE((p->ours = fcntl(fds[0], F_DUPFD_CLOEXEC, 0)) >= 0);
		REQUIRE_EQ(mrpc_bind_fd(p->conn, fds[0]), 0);
		p->fd = fds[1];
	}
	peer_header(frame, 0, PENDING, nr_test_push, FRAME);
	put_u32(frame + HEADER_LEN, FRAME - 4);
}

static void end_peer(struct peer *p)
{
	if (p->conn == NULL)
		return;
	close(p->fd);
	close(p->ours);
	REQUIRE(COUNTER_WAIT(&p->probe.disconnects, 1));
	mrpc_conn_unref(p->conn);
	p->conn = NULL;
}

static void close_peers(void)
{
	struct peer *p;

	for (p = peers; p <= &peers[PEERS]; p++)
		end_peer(p);
	mrpc_listen_close(set);
	mrpc_conn_set_unref(set);
	free(port);
}

/* More of its frame, up to so many bytes, as far as the socket takes it. */
static bool send_part(struct peer *p, size_t upto)
{
	ssize_t n;

	if (p->conn == NULL || p->sent >= upto)
		return false;
	n = send(p->fd, frame + p->sent, upto - p->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n > 0)
		p->sent += (size_t)n;
	return n > 0;
}

/* What the library has taken of all of them. */
static long total(void)
{
	struct peer *p;
	long sum = 0;

	for (p = peers; p < &peers[PEERS]; p++)
		if (p->conn != NULL)
			sum += (long)p->sent - unread(p->ours);
	return sum;
}

/* All send, a piece each in turn, until nothing moves any more. */
static void send_parts(size_t upto)
{
	int64_t end = now_ms() + scaled(REST_MS);
	long last = -1;
	bool any;
	int i;

	while (now_ms() < end) {
		for (any = false, i = 0; i < PEERS; i++)
			any |= send_part(&peers[i], upto);
		if (any || total() != last)
			end = now_ms() + scaled(REST_MS);
		last = total();
		tap_pause();
	}
}

static void served(int fd)
{
	peer_send(fd, 1, PENDING, nr_test_ping, NULL, 0);
	PEER_EXPECT(fd, 1, MINIRPC_OK, nr_test_ping, NULL, 0);
}

static void partial_frames(void)
{
	char byte = 1;
	blob small = { 1, &byte };
	int late, i;

	SECTION("%d peers in the middle of a message: not more than the limit is read", PEERS);
	open_peers();
	send_parts(PART);
	BETWEEN(total(), LIMIT - (PEERS + 1) * 2048, LIMIT + PEERS * READ);

	SECTION("who holds little is served; calls and messages are refused");
	for (i = 0; i < 20; i++)
		served(peers[PEERS].fd);
	CHECK_EQ(PROMPT(test_flood(peers[PEERS].conn, &small)), BUSY);
	CHECK_EQ(PROMPT(test_client_ping(peers[PEERS].conn)), BUSY);
	CHECK_EQ(PROMPT(test_flood(peers[0].conn, &small)), BUSY);

	SECTION("who connects waits");
	late = peer_connect(port);
	STAYS(counter_get(&accepted) == 0, 50);

	SECTION("when some have gone the others are read from, and he is accepted");
	for (i = 0; i < PEERS - STAY; i++)
		end_peer(&peers[i]);
	send_parts(sizeof(frame));
	COUNTER_WAIT(&pushed, STAY);
	COUNTER_WAIT(&accepted, 1);
	served(late);
	CHECK_EQ(test_tick(peers[PEERS].conn), MINIRPC_OK);
	close(late);
	COUNTER_WAIT(&server_probe.disconnects, 1);
	for (i = 0; i <= PEERS; i++)
		CHECK_EQ(counter_get(&peers[i].probe.ioerrs), 0);
	close_peers();
}

static void changed(void)
{
	int late;

	SECTION("raised: all is read at once");
	open_peers();
	send_parts(PART);
	late = peer_connect(port);
	STAYS(counter_get(&accepted) == 0, 20);
	REQUIRE_EQ(mrpc_set_memory_limit(set, 2 * PEERS * FRAME), 0);
	COUNTER_WAIT(&accepted, 1);
	CHECK_EQ(test_tick(peers[PEERS].conn), MINIRPC_OK);
	send_parts(PART);
	CHECK_EQ(total(), PEERS * PART);

	SECTION("lowered, and none: it is no bound");
	REQUIRE_EQ(mrpc_set_memory_limit(set, LIMIT), 0);
	CHECK_EQ(test_tick(peers[PEERS].conn), BUSY);
	REQUIRE_EQ(mrpc_set_memory_limit(set, 0), 0);
	CHECK_EQ(test_tick(peers[PEERS].conn), MINIRPC_OK);
	send_parts(sizeof(frame));
	COUNTER_WAIT(&pushed, PEERS);
	served(late);
	close(late);
	COUNTER_WAIT(&server_probe.disconnects, 1);
	close_peers();
}

static void lingering(void)
{
	int ended = 0, late, i;

	SECTION("peers that stay in the middle of a message are ended by linger");
	open_peers();
	send_parts(PART);
	late = peer_connect(port);
	REQUIRE_EQ(mrpc_set_linger(set, 200), 0);
	COUNTER_WAIT(&accepted, 1);             /* so there is memory again */
	served(late);
	served(peers[PEERS].fd);
	for (i = 0; i < PEERS; i++) {
		if (counter_get(&peers[i].probe.disconnects) == 0)
			continue;
		ended++;
		CHECK_EQ(peers[i].probe.reason, MRPC_DISC_IOERR);
		CHECK_EQ(counter_get(&peers[i].probe.ioerrs), 1);
	}
	CHECK(ended > 0);
	CHECK_EQ(counter_get(&peers[PEERS].probe.disconnects), 0);
	close(late);
	COUNTER_WAIT(&server_probe.disconnects, 1);
	close_peers();
}

/* ---- one connection ---- */

static void queued(void)
{
	struct held h;
	int n = 0;

	SECTION("what waits for a dispatcher");
	held_open(&h, &hold_ops, 2, false, 0);
	REQUIRE_EQ(mrpc_set_event_limit(h.e.set, 1000000, 1000 * MIB), 0);
	REQUIRE_EQ(mrpc_set_memory_limit(h.e.set, LIMIT), 0);
	while (n < 1000 && offer_blob(&h, 0, nr_test_push, 10000))
		n++;
	BETWEEN((long)n * 10000, LIMIT - 20000, LIMIT + READ);
	counter_add(&tickets, NO_END / 2);
	COUNTER_WAIT(&done, n + 1);
	served(h.e.fd);
	held_close(&h);
}

static void unsent(void)
{
	static char payload[10000];
	blob b = { sizeof(payload) - 4, payload };
	struct held h;
	struct frame f;
	int n = 0, i;

	SECTION("what waits to be sent");
	held_open(&h, &ops, 2, false, 4096);
	REQUIRE_EQ(mrpc_set_memory_limit(h.e.set, LIMIT / 2), 0);
	while (n < 1000 && PROMPT(test_flood(h.e.conn, &b)) == MINIRPC_OK)
		n++;
	BETWEEN((long)n * 10016 - unread(h.e.fd), LIMIT / 2 - 40000, LIMIT / 2 + 20000);
	CHECK_EQ(test_flood(h.e.conn, &b), BUSY);
	for (i = 0; i < n; i++) {
		peer_recv(h.e.fd, &f);
		free(f.data);
	}
	served(h.e.fd);
	CHECK_EQ(test_flood(h.e.conn, &b), MINIRPC_OK);
	held_close(&h);
}

static void *call(void *conn)
{
	return (void *)(intptr_t)test_client_ping(conn);
}

static void sync_call(bool in_time)
{
	pthread_t thread;
	struct held h;
	struct frame f;
	int n = 0;

	SECTION("a sync call reads on, %s", in_time ? "to its reply" : "to 16 times the event limit");
	held_open(&h, &hold_ops, 2, false, 0);
	REQUIRE_EQ(mrpc_set_event_limit(h.e.set, 1000000, 100000), 0);
	REQUIRE_EQ(mrpc_set_memory_limit(h.e.set, 100000), 0);
	CHECK(offer_blob(&h, 0, nr_test_push, 10000));
	COUNTER_WAIT(&begun, 1);
	thread = thread_start(call, h.e.conn);
	peer_recv(h.e.fd, &f);
	while (n < (in_time ? 50 : 500) && offer_blob(&h, 0, nr_test_push, 10000))
		n++;
	if (in_time)
		CHECK_EQ(n, 50);
	else
		BETWEEN(n, 159, 161);
	peer_send(h.e.fd, f.seq, MINIRPC_OK, f.cmd, NULL, 0);
	CHECK_EQ((intptr_t)thread_join(thread), in_time ? MINIRPC_OK : BUSY);
	free(f.data);
	counter_add(&tickets, NO_END / 2);
	COUNTER_WAIT(&done, n + 1 + !in_time);
	served(h.e.fd);
	held_close(&h);
	CHECK_EQ(counter_get(&h.e.probe.ioerrs), 0);
}

int main(void)
{
	struct leaks leaks;

	leaks_begin(&leaks);
	CHECK_EQ(mrpc_set_memory_limit(NULL, 1), EINVAL);
	partial_frames();
	changed();
	lingering();
	LEAKS_CHECK(&leaks);
	queued();
	unsent();
	sync_call(true);
	sync_call(false);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
