/* PROTO: test.mx */
/* NEEDS: additions */
/*
 * mrpc_set_send_limit: calls and messages over the bound return MINIRPC_BUSY at
 * once, unless nothing else waits; nobody waits. Once after that, when half of the
 * bound is free, mrpc_set_room_func's function is told, as an event.
 */
#include "held.h"
#include "keep.h"

enum { LEN = 1000, MESSAGE = HEADER_LEN + LEN, LIMIT = 20 * MESSAGE, BUFFERS = 4096, BUSY = -9 };

static char payload[4 * LIMIT];
static struct counter rooms = COUNTER_INIT, called = COUNTER_INIT;
static void *room_cookie;
static mrpc_status_t in_handler;

static mrpc_status_t put(void *data, struct mrpc_message *msg, number *in)
{
	struct probe *p = data;

	(void)msg;
	in_handler = test_event(p->user, in);
	return MINIRPC_OK;
}

static const struct test_server_operations ops = {
	.ping = answer_ping, .later = keep_later, .put = put
};

static void on_room(void *data)
{
	room_cookie = data;
	counter_add(&rooms, 1);
}

static void on_ping(void *data, void *private, mrpc_status_t status)
{
	(void)data;
	(void)private;
	CHECK_EQ(status, MINIRPC_OK);
	counter_add(&called, 1);
}

static mrpc_status_t send_message(struct held *h, unsigned len)
{
	blob b = { len - 4, payload };

	return test_flood(h->e.conn, &b);
}

static void open_limited(struct held *h, int threads, bool tcp)
{
	counter_init(&rooms);
	counter_init(&called);
	counter_init(&keeps);
	held_open(h, &ops, threads, tcp, tcp ? 0 : BUFFERS);
	h->e.probe.user = h->e.conn;
	REQUIRE_EQ(mrpc_set_send_limit(h->e.set, LIMIT), 0);
	REQUIRE_EQ(mrpc_set_room_func(h->e.set, on_room), 0);
}

/* Until one is refused; how many were not. */
static int fill(struct held *h)
{
	mrpc_status_t status;
	int n = 0;

	while ((status = PROMPT(send_message(h, LEN))) == MINIRPC_OK && n < 100000)
		n++;
	CHECK_EQ(status, BUSY);
	return n;
}

/* The same until the socket, which may be filled later, is full, too. */
static int fill_all(struct held *h)
{
	int64_t refused = now_ms();
	int n = fill(h);

	while (now_ms() < refused + scaled(50)) {
		if (send_message(h, LEN) == MINIRPC_OK) {
			refused = now_ms();
			n++;
		}
		tap_pause();
	}
	return n;
}

/* All messages of LEN bytes, count of them. */
static void read_messages(struct held *h, int count)
{
	struct frame f;

	for (; count > 0; count--) {
		peer_recv(h->e.fd, &f);
		free(f.data);
		if (!CHECK_EQ(f.cmd, nr_test_flood) || !CHECK_EQ(f.len, LEN))
			break;
	}
}

static void in_step(struct held *h)
{
	peer_send(h->e.fd, 9, PENDING, nr_test_ping, NULL, 0);
	PEER_EXPECT(h->e.fd, 9, MINIRPC_OK, nr_test_ping, NULL, 0);
}

static void bounded(void)
{
	number one = 1, *sum = (void *)&one;
	operands in = { 1, 2 };
	struct frame f;
	struct held h;
	int n, ticks = 0;

	SECTION("messages up to the bound");
	open_limited(&h, 2, false);
	n = fill_all(&h);
	BETWEEN((long)n * MESSAGE - unread(h.e.fd), LIMIT - MESSAGE, LIMIT + MESSAGE);

	SECTION("all that is not a reply is refused at once, also in a handler");
	while (ticks < MESSAGE && test_tick(h.e.conn) == MINIRPC_OK)
		ticks++;                /* into what is left of it */
	CHECK_EQ(PROMPT(test_tick(h.e.conn)), BUSY);
	CHECK_EQ(PROMPT(test_client_add(h.e.conn, &in, &sum)), BUSY);
	CHECK_PTR(sum, NULL);
	CHECK_EQ(PROMPT(test_client_ping_async(h.e.conn, on_ping, NULL)), BUSY);
	peer_number(h.e.fd, 1, nr_test_put, 1);
	peer_number(h.e.fd, 2, nr_test_later, 1);
	COUNTER_WAIT(&keeps, 1);
	CHECK_EQ(in_handler, BUSY);
	CHECK_EQ(PROMPT(answer_kept(0, 1)), MINIRPC_OK);

	SECTION("what was refused is not sent; all else is, in order");
	read_messages(&h, n);
	for (; ticks > 0; ticks--) {
		peer_recv(h.e.fd, &f);
		CHECK_EQ(f.cmd, nr_test_tick);
		free(f.data);
	}
	PEER_EXPECT(h.e.fd, 1, MINIRPC_OK, nr_test_put, NULL, 0);
	PEER_NUMBER(h.e.fd, 2, nr_test_later, 1);
	in_step(&h);
	CHECK_EQ(counter_get(&called), 0);

	SECTION("and then there is room");
	COUNTER_WAIT(&rooms, 1);
	CHECK_EQ(test_client_ping_async(h.e.conn, on_ping, NULL), MINIRPC_OK);
	peer_recv(h.e.fd, &f);
	peer_send(h.e.fd, f.seq, MINIRPC_OK, f.cmd, NULL, 0);
	free(f.data);
	COUNTER_WAIT(&called, 1);
	held_close(&h);
	CHECK_EQ(counter_get(&h.e.probe.ioerrs), 0);
}

/* Its handler sends a message for each. */
static mrpc_status_t put_and_tell(void *data, struct mrpc_message *msg, number *in)
{
	struct probe *p = data;

	(void)msg;
	counter_add(&called, test_event(p->user, in) == MINIRPC_OK);
	counter_add(&done, 1);
	return MINIRPC_OK;
}

/* How many of a batch's messages were not refused. */
static long one_batch(void)
{
	enum { COUNT = 100, EACH = HEADER_LEN + 4 };
	static const struct test_server_operations tell = { .put = put_and_tell };
	unsigned char burst[COUNT * EACH], *at = burst;
	struct held h;
	int i;

	open_limited(&h, 1, true);
	REQUIRE_EQ(test_server_set_operations(h.e.conn, &tell), 0);
	REQUIRE_EQ(mrpc_set_send_limit(h.e.set, 5 * EACH), 0);
	for (i = 0; i < COUNT; i++, at += EACH) {
		peer_header(at, (uint32_t)i, PENDING, nr_test_put, 4);
		put_u32(at + HEADER_LEN, (uint32_t)i);
	}
	peer_write(h.e.fd, burst, sizeof(burst));
	COUNTER_WAIT(&done, COUNT);
	if (counter_get(&called) == COUNT)
		CHECK_EQ(counter_get(&rooms), 0);
	held_close(&h);
	return counter_get(&called);
}

static void batch(void)
{
	int tries = 0;

	SECTION("what the handlers of a batch send is no reason to refuse: it leaves before that");
	/* Five fit at a time. Where handlers are slow, the library's own thread may be sending
	 * at that moment, and then some are refused: hardly in every batch. */
	while (one_batch() <= 80)
		REQUIRE(++tries < 100);
}

static void room(bool tcp)
{
	struct held h;
	int n, i;

	SECTION("told once, when half of the bound is free");
	open_limited(&h, 2, tcp);
	n = tcp ? fill(&h) : fill_all(&h);
	if (!tcp) {             /* TCP itself may take some more */
		CHECK_EQ(send_message(&h, LEN), BUSY);
		CHECK_EQ(send_message(&h, LEN), BUSY);
		STAYS(counter_get(&rooms) == 0, 20);
		read_messages(&h, 5);   /* of 20, and those in the socket */
		STAYS(counter_get(&rooms) == 0, 20);
		n -= 5;
	}
	read_messages(&h, n - 5);
	COUNTER_WAIT(&rooms, 1);
	CHECK_PTR(room_cookie, &h.e.probe);
	read_messages(&h, 5);
	STAYS(counter_get(&rooms) == 1, 20);

	SECTION("not without a refusal");
	CHECK_EQ(send_message(&h, LEN), MINIRPC_OK);
	read_messages(&h, 1);
	STAYS(counter_get(&rooms) == 1, 20);

	SECTION("and again after the next");
	for (i = 2; i < 5; i++) {
		n = fill(&h);
		read_messages(&h, n);
		COUNTER_WAIT(&rooms, i);
	}
	CHECK_EQ(counter_get(&rooms), 4);
	held_close(&h);

	SECTION("an event like others: held back while they are stopped, not without a dispatcher");
	open_limited(&h, BY_HAND, tcp);
	CHECK_EQ(mrpc_stop_events(h.e.conn), 0);
	n = fill(&h);
	read_messages(&h, n);
	STAYS((mrpc_dispatch(h.e.set, 0), counter_get(&rooms)) == 0, 20);
	CHECK_EQ(mrpc_start_events(h.e.conn), 0);
	CHECK_EQ(counter_get(&rooms), 0);
	DISPATCH_UNTIL(h.e.set, counter_get(&rooms) == 1);
	held_close(&h);

	SECTION("no function");
	open_limited(&h, 2, tcp);
	CHECK_EQ(mrpc_set_room_func(h.e.set, NULL), 0);
	n = fill(&h);
	read_messages(&h, n);
	in_step(&h);
	CHECK_EQ(counter_get(&rooms), 0);
	held_close(&h);
}

static void one_over(void)
{
	struct held h;
	struct frame f;
	int n = 0;

	SECTION("a message over the bound, when nothing else waits");
	open_limited(&h, 2, false);
	CHECK_EQ(PROMPT(send_message(&h, 3 * LIMIT)), MINIRPC_OK);
	CHECK_EQ(PROMPT(send_message(&h, LEN)), BUSY);
	peer_recv(h.e.fd, &f);
	CHECK_EQ(f.len, 3 * LIMIT);
	free(f.data);
	COUNTER_WAIT(&rooms, 1);
	n = fill(&h);
	CHECK_EQ(PROMPT(send_message(&h, 3 * LIMIT)), BUSY);
	read_messages(&h, n);
	held_close(&h);
}

static void changed(void)
{
	struct held h;
	int n, more;

	SECTION("raised, while it is full: there is room, and somebody is told");
	open_limited(&h, 2, false);
	n = fill_all(&h);
	REQUIRE_EQ(mrpc_set_send_limit(h.e.set, 4 * LIMIT), 0);
	COUNTER_WAIT(&rooms, 1);
	more = fill_all(&h);
	BETWEEN((long)(n + more) * MESSAGE - unread(h.e.fd), 4 * LIMIT - MESSAGE,
		4 * LIMIT + MESSAGE);

	SECTION("lowered: refused until there is less");
	REQUIRE_EQ(mrpc_set_send_limit(h.e.set, LIMIT), 0);
	CHECK_EQ(PROMPT(send_message(&h, LEN)), BUSY);
	read_messages(&h, n);
	CHECK_EQ(PROMPT(send_message(&h, LEN)), BUSY);
	read_messages(&h, more);
	COUNTER_WAIT(&rooms, 2);
	CHECK_EQ(PROMPT(send_message(&h, LEN)), MINIRPC_OK);
	read_messages(&h, 1);

	SECTION("a connection that goes while it is full");
	fill(&h);
	held_close(&h);
}

int main(void)
{
	struct leaks leaks;
	int tcp;

	leaks_begin(&leaks);
	CHECK_EQ(mrpc_set_send_limit(NULL, 1), EINVAL);
	CHECK_EQ(mrpc_set_room_func(NULL, on_room), EINVAL);
	bounded();
	for (tcp = 0; tcp < 2; tcp++)
		room(tcp);
	batch();
	one_over();
	changed();
	LEAKS_CHECK(&leaks);
	return tap_done();
}
