/* PROTO: test.mx */
/* MODES: plain (limits the address space) */
/*
 * A payload for which there is no memory, under a maximum of UINT_MAX: the message
 * fails, its connection may end, and the process lives and serves others.
 */
#include "fault.h"

#include <limits.h>

enum { MIB = 1 << 20, PAYLOAD = 800 * MIB, SPARE = 300 * MIB };

/* No more address space than there is now, and some. */
static void limit_memory(void)
{
	struct rlimit limit;
	long size = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	REQUIRE(f != NULL);
	REQUIRE_EQ(fscanf(f, "%ld", &size), 1);
	fclose(f);
	limit.rlim_cur = limit.rlim_max = (rlim_t)size * (rlim_t)sysconf(_SC_PAGESIZE) + SPARE;
	REQUIRE_EQ(setrlimit(RLIMIT_AS, &limit), 0);
}

/* All of it, or until the connection ends. */
static void send_huge(int fd, uint32_t seq, int32_t status, int32_t cmd)
{
	static unsigned char some[1 << 18];
	unsigned char start[HEADER_LEN + 4];
	size_t left = PAYLOAD - 4;
	ssize_t n;

	peer_header(start, seq, status, cmd, PAYLOAD);
	put_u32(start + HEADER_LEN, PAYLOAD - 4);
	peer_write(fd, start, sizeof(start));
	while (left > 0) {
		n = send(fd, some, left < sizeof(some) ? left : sizeof(some), MSG_NOSIGNAL);
		if (n <= 0)
			return;
		left -= (size_t)n;
	}
}

/* The next reply is an error, or a success, without a payload; or the stream ends. */
static void answered_or_ended(int fd, uint32_t seq, int cmd, bool error)
{
	unsigned char header[HEADER_LEN];
	int32_t status;

	if (!peer_read(fd, header, sizeof(header))) {
		PEER_EOF(fd);
		return;
	}
	status = (int32_t)get_u32(header + 4);
	CHECK_EQ(get_u32(header), seq);
	CHECK_EQ((int32_t)get_u32(header + 8), cmd);
	CHECK_EQ(get_u32(header + 12), 0);
	CHECK_MSG(error ? status < PENDING : status == MINIRPC_OK, "status %d", status);
}

/* Where the stream goes on, it is in step. */
static void in_step_or_ended(int fd)
{
	unsigned char ping[HEADER_LEN];

	peer_header(ping, 2, PENDING, nr_test_ping, 0);
	send(fd, ping, sizeof(ping), MSG_NOSIGNAL);
	answered_or_ended(fd, 2, nr_test_ping, false);
}

static void *call(void *conn)
{
	char byte = 1;
	blob in = { 1, &byte }, *out = NULL;
	mrpc_status_t status = test_echo(conn, &in, &out);

	CHECK_MSG(status == MINIRPC_ENCODING_ERR || status == MINIRPC_NETWORK_FAILURE, "status %d",
		  status);
	CHECK_PTR(out, NULL);
	return NULL;
}

int main(void)
{
	struct leaks leaks;
	pthread_t thread;
	struct frame f;
	struct end e;
	int good, bad;

	leaks_begin(&leaks);
	server_start(2);
	REQUIRE_EQ(mrpc_set_max_buf_len(server.set, UINT_MAX), 0);
	good = server_peer();
	SERVED(good);
	end_open(&e, test_client, 1, false);
	REQUIRE_EQ(mrpc_set_max_buf_len(e.set, UINT_MAX), 0);
	limit_memory();

	SECTION("a request");
	bad = server_peer();
	send_huge(bad, 1, PENDING, nr_test_echo);
	answered_or_ended(bad, 1, nr_test_echo, true);
	in_step_or_ended(bad);
	close(bad);
	SERVED(good);

	SECTION("a message");
	bad = server_peer();
	send_huge(bad, 1, PENDING, nr_test_push);
	in_step_or_ended(bad);
	close(bad);
	SERVED(good);
	CHECK_EQ(counter_get(&server.messages), 0);

	SECTION("a reply");
	thread = thread_start(call, e.conn);
	peer_recv(e.fd, &f);
	free(f.data);
	send_huge(e.fd, f.seq, MINIRPC_OK, nr_test_echo);
	thread_join(thread);
	end_close(&e);

	SECTION("others, also new ones, are served; each failure was an ioerr");
	bad = server_peer();
	SERVED(bad);
	close(bad);
	close(good);
	server_stop();
	CHECK(counter_get(&server.ioerrs) >= 2);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
