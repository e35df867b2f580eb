/* PROTO: test.mx */
/* NEEDS: additions */
/* MODES: plain asan (has to keep pace) */
/* TIMEOUT: 60 */
/*
 * Without a send limit a thread outside of handlers that has queued 1 MiB waits
 * until half of it has left, as long as the peer takes bytes, however slowly; when
 * the peer has taken none for 20 ms, another MiB may be queued. Handlers never wait.
 */
#include "limits.h"

enum { LEN = 65536 - 20, MESSAGE = HEADER_LEN + 4 + LEN };

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
	return MINIRPC_OK;
}

static const struct test_server_operations ops = { .ping = limits_ping, .put = put };

/* Reads some bytes each few milliseconds, and sees how many are accepted beyond. */
static void slow_reader(int senders, size_t some, int pause_us, long most)
{
	static char sink[MIB];
	pthread_t threads[8];
	long got = 0, beyond = 0, now;
	int64_t end;
	struct held h;
	ssize_t n;
	int i;

	SECTION("%d senders, %zu bytes each %d us", senders, some, pause_us);
	counter_init(&stop);
	accepted = 0;
	held_open(&h, &ops, 1, false, 0);
	for (i = 0; i < senders; i++)
		threads[i] = thread_start(send_on, h.e.conn);
	end = now_ms() + 1500;
	while (now_ms() < end) {
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
	held_close(&h);
}

/* ---- a peer that does not read ---- */

static void never_reads(void)
{
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

	SECTION("sync calls, too, are queued, and fail with the connection");
	{
		pthread_t thread = thread_start(send_on, h.e.conn);

		counter_init(&stop);
		close(h.e.fd);
		h.e.fd = -1;
		CHECK_EQ(PROMPT(test_client_ping(h.e.conn)), MINIRPC_NETWORK_FAILURE);
		thread_join(thread);
	}
	held_close(&h);
}

/* The same 32 MiB take no time in a handler. */
static void in_handler(void)
{
	int64_t took, best = 1000000;
	struct held h;
	int i;

	for (i = 0; i < 5 && best > 300; i++) {
		held_open(&h, &ops, 1, false, 0);
		h.e.probe.user = h.e.conn;
		took = now_ms();
		peer_number(h.e.fd, 1, nr_test_put, 32 * MIB / MESSAGE);
		peer_number(h.e.fd, 2, nr_test_put, 0);
		/* the second is taken when the first has come back */
		while (unread(h.ours) > 0)
			tap_pause();
		{
			char *all = malloc(33 * MIB);

			REQUIRE(all != NULL);
			took = now_ms() - took;
			free(all);
		}
		if (took < best)
			best = took;
		held_close(&h);
	}
	CHECK_MSG(best <= 300, "32 MiB were queued in %lld ms", (long long)best);
}
