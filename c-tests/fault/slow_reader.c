/* PROTO: test.mx */
/* MODES: plain (measures resident memory) */
/* NEEDS: additions */
/*
 * A thread that sends faster than its peer reads is slowed down: what waits to
 * be sent stays within bounds, however much is sent.
 */
#include "fault.h"

enum { LEN = 16000, MESSAGES = 8000, BOUND = 24 << 20 };

static void *read_slowly(void *arg)
{
	static char buf[1 << 20];
	int fd = *(int *)arg;
	long left = (long)MESSAGES * (HEADER_LEN + 4 + LEN);
	ssize_t n;

	while (left > 0) {
		usleep(3000);           /* some 300 MB a second at most */
		n = recv(fd, buf, sizeof(buf), 0);
		if (!CHECK(n > 0))
			break;
		left -= n;
	}
	return NULL;
}

int main(void)
{
	static char payload[LEN];
	blob b = { LEN, payload };
	long before, most = 0;
	struct leaks leaks;
	pthread_t thread;
	struct end e;
	int i;

	leaks_begin(&leaks);
	SECTION("%d MB are sent, less than %d MiB held", LEN / 1000 * MESSAGES / 1000, BOUND >> 20);
	end_open(&e, test_server, 1, true);
	before = rss_bytes();
	thread = thread_start(read_slowly, &e.fd);
	for (i = 0; i < MESSAGES; i++) {
		REQUIRE_EQ(test_flood(e.conn, &b), MINIRPC_OK);
		if (rss_bytes() - before > most)
			most = rss_bytes() - before;
	}
	thread_join(thread);
	tap_note("at most %ld KiB more than before", most >> 10);
	CHECK(most < BOUND);
	end_close(&e);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
