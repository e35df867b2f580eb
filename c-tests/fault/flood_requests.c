/* PROTO: test.mx */
/*
 * Peers that send requests as fast as they can and read no reply: another
 * connection is served meanwhile; when they read, every reply is there, in
 * order.
 */
#include "fault.h"

enum { PEERS = 3, REQUESTS = 20000 };

static struct counter stop = COUNTER_INIT;

struct flooder {
	pthread_t thread;
	int fd;
	size_t sent;                    /* bytes */
	struct counter flooding;
};

static void *flood(void *arg)
{
	struct flooder *f = arg;
	unsigned char request[HEADER_LEN];
	size_t n;

	while (counter_get(&stop) == 0 && f->sent < REQUESTS * HEADER_LEN) {
		peer_header(request, (uint32_t)(f->sent / HEADER_LEN), PENDING, nr_test_ping, 0);
		n = f->sent % HEADER_LEN;
		n = write_some(f->fd, request + n, HEADER_LEN - n);
		f->sent += n;
		if (n > 0)
			counter_add(&f->flooding, 1);
		else
			tap_pause();
	}
	return NULL;
}

int main(void)
{
	struct flooder flooders[PEERS];
	struct leaks leaks;
	int good, i;
	uint32_t n;

	leaks_begin(&leaks);
	server_start(1);
	good = server_peer();
	for (i = 0; i < PEERS; i++) {
		flooders[i].fd = server_peer();
		flooders[i].sent = 0;
		counter_init(&flooders[i].flooding);
	}
	SECTION("others are served while %d peers flood", PEERS);
	for (i = 0; i < PEERS; i++)
		flooders[i].thread = thread_start(flood, &flooders[i]);
	for (i = 0; i < PEERS; i++)
		COUNTER_WAIT(&flooders[i].flooding, 500);
	for (i = 0; i < 100; i++)
		SERVED(good);
	counter_add(&stop, 1);
	for (i = 0; i < PEERS; i++)
		thread_join(flooders[i].thread);

	SECTION("every reply is there, in order");
	for (i = 0; i < PEERS; i++) {
		uint32_t whole = (uint32_t)(flooders[i].sent / HEADER_LEN);

		CHECK(whole > 0);
		for (n = 0; n < whole; n++)
			if (!PEER_EXPECT(flooders[i].fd, n, MINIRPC_OK, nr_test_ping, NULL, 0))
				break;
		close(flooders[i].fd);
	}
	close(good);
	server_stop();
	CHECK_EQ(counter_get(&server.ioerrs), 0);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
