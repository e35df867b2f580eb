/* PROTO: test.mx */
/* NEEDS: additions */
/* MODES: plain (measures resident memory) */
/* TIMEOUT: 60 */
/*
 * A server that leaves a sync call unanswered and floods messages, in a hurry or at
 * a pace, cannot take more of a client's memory than 16 times the default bounds;
 * there the call returns, also one that a handler has made.
 */
#include "held.h"

enum { LEN = 16000, HARD = 64 * MIB, MOST = HARD + 16 * MIB, BUSY = -9 };

static struct counter returned = COUNTER_INIT;
static mrpc_status_t returned_with;

static mrpc_status_t put(void *data, struct mrpc_message *msg, number *in)
{
	struct probe *p = data;

	(void)msg;
	(void)in;
	returned_with = test_client_ping(p->user);
	counter_add(&returned, 1);
	return MINIRPC_OK;
}

static const struct test_server_operations ops = {
	.ping = answer_ping, .put = put, .push = hold_blob
};

static void *call(void *conn)
{
	returned_with = test_client_ping(conn);
	counter_add(&returned, 1);
	return NULL;
}

/* Sends messages until the call has returned; how many bytes the library took. */
static size_t flood(struct held *h, bool paced)
{
	static unsigned char message[HEADER_LEN + LEN];
	int64_t moved = now_ms();
	size_t sent = 0, at;
	ssize_t n;

	peer_header(message, 0, PENDING, nr_test_push, LEN);
	put_u32(message + HEADER_LEN, LEN - 4);
	/* also some time after, when nothing more should be taken */
	while (sent < 3 * (size_t)MOST && now_ms() < moved + 500) {
		at = sent % sizeof(message);
		n = send(h->e.fd, message + at, sizeof(message) - at, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0) {
			sent += (size_t)n;
			moved = now_ms();
		}
		if (n < 0 || paced)
			usleep(20);
	}
	return sent - (size_t)unread(h->ours);
}

static void run(bool tcp, bool paced, bool in_handler)
{
	pthread_t thread = pthread_self();
	long before, grown;
	struct held h;
	struct frame f;
	size_t took;

	SECTION("%s, %s, the call is made %s", tcp ? "TCP" : "AF_UNIX", paced ? "at a pace" : "in a hurry",
		in_handler ? "in a handler" : "outside of handlers");
	counter_init(&returned);
	held_open(&h, &ops, 1, tcp, 0);
	h.e.probe.user = h.e.conn;
	if (in_handler) {
		peer_number(h.e.fd, 1, nr_test_put, 1);
	} else {
		CHECK(offer_blob(&h, 0, nr_test_push, LEN));
		COUNTER_WAIT(&begun, 1);
		thread = thread_start(call, h.e.conn);
	}
	peer_recv(h.e.fd, &f);
	CHECK_EQ(f.cmd, nr_test_client_ping);
	free(f.data);
	before = rss_bytes();
	took = flood(&h, paced);
	grown = rss_bytes() - before;
	COUNTER_WAIT(&returned, 1);
	CHECK_EQ(returned_with, BUSY);
	if (!in_handler)
		thread_join(thread);
	tap_note("%zu KiB taken, grown by %ld KiB", took >> 10, grown >> 10);
	/* with one handler that came back, half of the bound more */
	CHECK_MSG(took < MOST, "%zu bytes taken", took);
	CHECK_MSG(grown < MOST + MOST / 4, "grown by %ld bytes", grown);
	held_close(&h);
}

int main(void)
{
	struct leaks leaks;
	int i;

	leaks_begin(&leaks);
	for (i = 0; i < 8; i++)
		run(i & 1, i & 2, i & 4);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
