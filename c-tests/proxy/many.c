/* PROTO: test.mx */
/* NEEDS: additions */
/*
 * mrpc_set_proxy_protocol with many clients at once, whose headers come in pieces, or end in
 * the middle, while listeners are closed and opened: who has sent his header before that is
 * served, the others see the end, and nobody is forgotten.
 */
#include "proxy.h"

enum { THREADS = 8, ROUNDS = 60 };

static struct counter served = COUNTER_INIT;

static void *client(void *number)
{
	unsigned char bytes[64 + HEADER_LEN], reply[HEADER_LEN];
	unsigned seed = (unsigned)(uintptr_t)number;
	size_t len = header(bytes, PROXY, TCP4, v4, sizeof(v4)), at, piece;
	int i, fd;

	peer_header(bytes + len, 7, PENDING, nr_test_ping, 0);
	for (i = 0; i < ROUNDS; i++) {
		bool whole = rand_r(&seed) % 3 != 0;
		size_t end = whole ? len + HEADER_LEN : (size_t)rand_r(&seed) % len;

		fd = peer_connect(gate.port);
		for (at = 0; at < end; at += piece) {
			piece = 1 + (size_t)rand_r(&seed) % 24;
			peer_write(fd, bytes + at, piece < end - at ? piece : end - at);
		}
		if (whole) {
			CHECK(peer_read(fd, reply, sizeof(reply)));
			CHECK_EQ(get_u32(reply + 4), MINIRPC_OK);
			counter_add(&served, 1);
		}
		close(fd);
	}
	return NULL;
}

int main(void)
{
	unsigned char bytes[64];
	size_t len = header(bytes, PROXY, TCP4, v4, sizeof(v4));
	pthread_t threads[THREADS];
	struct leaks leaks;
	int silent[4], i, k;

	leaks_begin(&leaks);
	gate_open();

	SECTION("%d clients at once", THREADS);
	for (i = 0; i < THREADS; i++)
		threads[i] = thread_start(client, (void *)(uintptr_t)(i + 1));
	for (i = 0; i < THREADS; i++)
		thread_join(threads[i]);
	CHECK_EQ(counter_get(&gate.accepted), counter_get(&served));
	CHECK(counter_get(&served) > THREADS * ROUNDS / 3);
	WAIT_FOR(set_stats(gate.set).connections_refused ==
		 (uint64_t)(THREADS * ROUNDS - counter_get(&served)));
	gate_close();

	SECTION("the set goes while they are silent, again and again");
	for (k = 0; k < 20; k++) {
		gate_open();
		for (i = 0; i < 4; i++) {
			silent[i] = peer_connect(gate.port);
			peer_write(silent[i], bytes, (size_t)(k + i) % len);
		}
		gate_close();
		for (i = 0; i < 4; i++) {
			PEER_EOF(silent[i]);
			close(silent[i]);
		}
	}

	SECTION("a drain does not wait for them");
	gate_open();
	for (i = 0; i < 4; i++) {
		silent[i] = peer_connect(gate.port);
		peer_write(silent[i], bytes, len - 1);
	}
	CHECK_EQ(mrpc_drain(gate.set, 0), 0);
	for (i = 0; i < 4; i++) {
		PEER_EOF(silent[i]);
		close(silent[i]);
	}
	gate_close();

	SECTION("nothing is left");
	LEAKS_CHECK(&leaks);
	return tap_done();
}
