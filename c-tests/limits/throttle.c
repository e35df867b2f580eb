/* PROTO: test.mx */
/* NEEDS: additions */
/* MODES: plain asan (has to keep pace) */
/* TIMEOUT: 60 */
/*
 * Without a send limit a thread outside of handlers that has queued 1 MiB waits
 * until half of it has left, as long as the peer takes bytes, however slowly; when
 * the peer has taken none for 20 ms, another MiB may be queued. Handlers never wait.
 */
#define _GNU_SOURCE
#include "held.h"
#include "keep.h"

enum { PATIENCE_MS = 20, LEN = 65536 - 20, MESSAGE = HEADER_LEN + 4 + LEN };

static char payload[LEN];

static mrpc_status_t send_message(struct mrpc_connection *conn)
{
	blob b = { LEN, payload };

	return test_flood(conn, &b);
}

/* ---- a peer that reads ---- */

static struct counter stop = COUNTER_INIT;
static volatile long accepted;          /* bytes that calls have taken, all threads */

static void *send_on(void *conn)
{
	while (counter_get(&stop) == 0) {
		if (send_message(conn) != MINIRPC_OK)
			break;
		__atomic_fetch_add(&accepted, MESSAGE, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

static mrpc_status_t put(void *data, struct mrpc_message *msg, number *in)
{
	struct probe *p = data;
	int i;

	(void)msg;
	for (i = 0; i < *in; i++)
		if (!CHECK_EQ(send_message(p->user), MINIRPC_OK))
			break;
	counter_add(&done, 1);
	return MINIRPC_OK;
}

static const struct test_server_operations ops = {
	.ping = answer_ping, .put = put, .later = keep_later
};

/* The peer sends no more, and is owed a reply; returns when the library knows. */
static void end_sending(struct held *h)
{
	counter_init(&keeps);
	peer_number(h->e.fd, 1, nr_test_later, 1);
	COUNTER_WAIT(&keeps, 1);
	REQUIRE_EQ(shutdown(h->e.fd, SHUT_WR), 0);
	CHECK_EQ(test_client_ping(h->e.conn), MINIRPC_NETWORK_FAILURE);
}

/* Reads some bytes each few milliseconds, and sees how many are accepted beyond. */
static void slow_reader(bool tcp, bool half, int senders, size_t some, int pause_us)
{
	long most = (tcp ? 24 : 12) * MIB;      /* what TCP holds itself is included */
	static char sink[MIB];
	pthread_t threads[8];
	long got = 0, beyond = 0, now;
	int64_t end, last;
	struct held h;
	ssize_t n;
	int i;

	SECTION("%s%s, %d senders, %zu bytes are read each %d us", tcp ? "TCP" : "AF_UNIX",
		half ? ", half closed" : "", senders, some, pause_us);
	counter_init(&stop);
	accepted = 0;
	held_open(&h, &ops, 1, tcp, 0);
	if (half)
		end_sending(&h);
	for (i = 0; i < senders; i++)
		threads[i] = thread_start(send_on, h.e.conn);
	last = now_ms();
	end = last + 1500;
	while (now_ms() < end) {
		/* On a busy machine this thread may rest, which lets senders on. */
		most += senders * ((now_ms() - last) / PATIENCE_MS) * MIB;
		last = now_ms();
		n = recv(h.e.fd, sink, some, MSG_DONTWAIT);
		if (n > 0)
			got += n;
		now = __atomic_load_n(&accepted, __ATOMIC_SEQ_CST) - got;
		if (now > beyond)
			beyond = now;
		usleep((useconds_t)pause_us);
	}
	tap_note("read %ld KiB, at most %ld KiB beyond", got / 1024, beyond / 1024);
	CHECK_MSG(beyond < most, "%ld bytes beyond what is read, limit %ld", beyond, most);
	counter_add(&stop, 1);
	fcntl(h.e.fd, F_SETFL, O_NONBLOCK);
	for (i = 0; i < senders; i++) {
		while (pthread_tryjoin_np(threads[i], NULL) == EBUSY)
			if (recv(h.e.fd, sink, sizeof(sink), 0) <= 0)
				tap_pause();
	}
	/* Over TCP, who has read all and sent its end goes without a sign. */
	if (half)
		CHECK_EQ(answer_kept(0, 1), MINIRPC_OK);
	held_close(&h);
}

/* ---- a peer that does not read ---- */

static void never_reads(void)
{
	pthread_t thread;
	int64_t start;
	struct held h;
	int i;

	SECTION("a peer that reads nothing: 1 MiB each 20 ms");
	held_open(&h, &ops, 1, false, 0);
	start = now_ms();
	for (i = 0; i < 12 * MIB / MESSAGE; i++)
		CHECK_EQ(PROMPT(send_message(h.e.conn)), MINIRPC_OK);
	CHECK_MSG(now_ms() - start >= 9 * 20, "12 MiB were queued within %lld ms",
		  (long long)(now_ms() - start));

	SECTION("closing it brings senders back");
	counter_init(&stop);
	thread = thread_start(send_on, h.e.conn);
	CHECK_EQ(mrpc_conn_close(h.e.conn), 0);
	PROMPT((thread_join(thread), 0));
	held_close(&h);
}

/* What takes 31 times 20 ms outside takes no time in a handler. */
static void in_handler(void)
{
	int64_t took, best = NO_END;
	struct held h;
	int i;

	SECTION("a handler does not wait");
	for (i = 0; i < 5 && best > 300; i++) {
		held_open(&h, &ops, 1, false, 0);
		h.e.probe.user = h.e.conn;
		took = now_ms();
		peer_number(h.e.fd, 1, nr_test_put, 32 * MIB / MESSAGE);
		COUNTER_WAIT(&done, 1);
		took = now_ms() - took;
		best = took < best ? took : best;
		held_close(&h);
	}
	CHECK_MSG(best <= 300, "32 MiB were queued in %lld ms", (long long)best);
}

int main(void)
{
	struct leaks leaks;

	leaks_begin(&leaks);
	slow_reader(false, false, 1, 36000, 8000);     /* too slow for POLLOUT within 20 ms */
	slow_reader(false, false, 4, 36000, 8000);
	slow_reader(false, false, 1, 65536, 2000);
	slow_reader(false, false, 4, MIB, 2000);
	slow_reader(true, false, 1, 65536, 2000);
	slow_reader(true, false, 4, MIB, 2000);
	slow_reader(false, true, 1, 65536, 2000);
	slow_reader(true, true, 4, MIB, 2000);
	never_reads();
	in_handler();
	LEAKS_CHECK(&leaks);
	return tap_done();
}
