/*
 * attacker ATTACK PORT THREADS PAUSE_US: hostile and slow peers of a server on 127.0.0.1.
 *
 * ATTACK is a name of the table below, "plain" for all of those against plain connections by
 * chance, "tls" for those against TLS ones, "server" for a hostile server: PORT is 0 then, and its
 * own port can be asked for. Each thread does one step after the other, with a pause between
 * them. Commands come by the standard input, and each is acknowledged by a line:
 *
 *   go      go on                 "going"
 *   rest    close all, and rest   "resting STEPS", which were done since the start
 *   port                          "port PORT", of a hostile server
 *
 * The end of the input is the end of the program.
 */
#include "load.h"

#include "load_client.h"
#include "load_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEADER = 16, REQUEST = -1, BATCH = 500, HELD = 100, CROWD = 2500, PAYLOAD = 16384 };

static int target;              /* the port */
static long step_pause;
static atomic_bool going;
static atomic_int busy;         /* threads that are not at rest */
static atomic_long steps;

/* When this thread turns to another attack; 0: never. */
static _Thread_local int64_t turn_end;

static bool active(void)
{
	return atomic_load(&going) && (turn_end == 0 || now_us() < turn_end);
}

static void step(void)
{
	atomic_fetch_add(&steps, 1);
	if (step_pause > 0)
		pause_us(step_pause);
}

/* ---- sockets ---- */

/* Connected and non-blocking, or -1. */
static int attach(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)target),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
	struct pollfd wait = { .fd = fd, .events = POLLOUT };

	if (fd < 0)
		return -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	/* What a peer sends last is no longer of interest when it closes. */
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	while (errno == EINPROGRESS && active()) {
		int error = 0;
		socklen_t len = sizeof(error);

		if (poll(&wait, 1, 50) <= 0)
			continue;
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
		if (error == 0)
			return fd;
		break;
	}
	close(fd);
	pause_us(1000);
	return -1;
}

static void reset(int fd)
{
	struct linger linger = { 1, 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(fd);
}

/* Throws away what has come; false at the end of the stream. */
static bool drain(int fd)
{
	static __thread char bytes[65536];
	ssize_t n;

	while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0)
		;
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* Sends all of it, and reads meanwhile if `take`; false when the connection ends, or time to
 * rest has come. */
static bool put(int fd, const void *data, size_t len, bool take)
{
	const char *at = data;

	while (len > 0) {
		ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

		if (n > 0) {
			at += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN) {
			struct pollfd wait = { .fd = fd, .events = (short)(POLLOUT | (take ? POLLIN : 0)) };

			poll(&wait, 1, 50);
		} else if (errno != EINTR) {
			return false;
		}
		if ((take && !drain(fd)) || !active())
			return false;
	}
	return true;
}

/* ---- frames ---- */

static void word(unsigned char *at, uint32_t value)
{
	value = htonl(value);
	memcpy(at, &value, sizeof(value));
}

/* A message at `at`; its length. */
static size_t frame(unsigned char *at, uint32_t seq, int32_t status, int32_t cmd, uint32_t len)
{
	word(at, seq);
	word(at + 4, (uint32_t)status);
	word(at + 8, (uint32_t)cmd);
	word(at + 12, len);
	return HEADER;
}

/* A request for an echo of a parcel with so many bytes, a multiple of four. */
static size_t echo_request(unsigned char *at, uint32_t seq, uint64_t nr, uint32_t len)
{
	frame(at, seq, REQUEST, nr_load_echo, 12 + len);
	word(at + 16, (uint32_t)(nr >> 32));
	word(at + 20, (uint32_t)nr);
	word(at + 24, len);
	pattern(nr, (char *)at + 28, len);
	return 28 + len;
}

/* ---- attacks: each until it is time to rest, or its connection ends ---- */

/* The largest length that a header can have, and then bytes for ever. */
static void announce(UNUSED uint64_t *random)
{
	static unsigned char bytes[65536];
	unsigned char header[HEADER];
	int fd = attach();

	if (fd < 0)
		return;
	frame(header, 0, REQUEST, nr_load_echo, 0xffffffff);
	if (put(fd, header, HEADER, true))
		while (put(fd, bytes, sizeof(bytes), true))
			step();
	close(fd);
}

/* Good requests, a byte at a time; each has to be answered, in its turn. */
static void fragments(uint64_t *random)
{
	unsigned char request[60], reply[28];
	int fd = attach();
	uint32_t seq;

	for (seq = 0; fd >= 0 && active(); seq++) {
		uint64_t nr = chance(random), want = answer(nr_load_echo, nr);
		size_t len = echo_request(request, seq, nr, 32), i, got = 0;

		for (i = 0; i < len; i++)
			if (!put(fd, request + i, 1, false))
				goto ended;
		while (got < len && active()) {
			struct pollfd wait = { .fd = fd, .events = POLLIN };
			ssize_t n;

			poll(&wait, 1, 50);
			n = recv(fd, got < sizeof(reply) ? reply + got : request, got < sizeof(reply) ?
				 sizeof(reply) - got : len - got, 0);
			if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
				goto ended;
			got += n > 0 ? (size_t)n : 0;
		}
		if (got == len && (memcmp(reply + 16, (uint32_t[]) { htonl((uint32_t)(want >> 32)),
			htonl((uint32_t)want) }, 8) != 0 || ntohl(*(uint32_t *)(void *)reply) != seq))
			printf("fault: a slow peer's answer is wrong\n");
		step();
	}
ended:
	if (fd >= 0)
		close(fd);
}

/* Sends batches of one kind of message and takes what comes. */
static void batches(size_t (*make)(unsigned char *at, uint32_t seq, uint64_t *random),
		    size_t longest, uint64_t *random)
{
	unsigned char *bytes = malloc(BATCH * longest);
	int fd = attach();
	uint32_t seq = 0;

	while (fd >= 0 && active()) {
		size_t len = 0;
		int i;

		for (i = 0; i < BATCH; i++)
			len += make(bytes + len, seq++, random);
		if (!put(fd, bytes, len, true))
			break;
		step();
	}
	if (fd >= 0)
		close(fd);
	free(bytes);
}

static size_t bogus_reply(unsigned char *at, UNUSED uint32_t seq, uint64_t *random)
{
	uint64_t r = chance(random);

	frame(at, (uint32_t)r, r & 1 << 8 ? 0 : (int32_t)(r >> 40), (int32_t)(r >> 60),
	      (uint32_t)(r >> 32) % 3 * 4);
	memset(at + HEADER, 0, 8);
	return HEADER + (uint32_t)(r >> 32) % 3 * 4;
}

static void bogus(uint64_t *random)
{
	batches(bogus_reply, HEADER + 8, random);
}

static size_t unknown_request(unsigned char *at, uint32_t seq, uint64_t *random)
{
	return frame(at, seq, REQUEST, 1000 + (int32_t)(chance(random) % 1000), 0);
}

static void unknown(uint64_t *random)
{
	batches(unknown_request, HEADER, random);
}

/* Counts that the payload does not have. */
static size_t count_bomb(unsigned char *at, uint32_t seq, uint64_t *random)
{
	frame(at, seq, REQUEST, chance(random) & 1 << 9 ? nr_load_total : nr_load_echo, 12);
	word(at + 16, 0xffffffff);
	word(at + 20, 0x3fffffff);
	word(at + 24, 0xfffffffc);
	return HEADER + 12;
}

static void counts(uint64_t *random)
{
	batches(count_bomb, HEADER + 12, random);
}

/* A list that is as deep as the largest payload allows. */
static size_t nesting_bomb(unsigned char *at, uint32_t seq, UNUSED uint64_t *random)
{
	size_t len = HEADER;

	while (len + 12 + 4 <= HEADER + PAYLOAD) {
		word(at + len, 1);
		word(at + len + 4, 0);
		word(at + len + 8, 7);
		len += 12;
	}
	word(at + len, 0);
	len += 4;
	frame(at, seq, REQUEST, nr_load_walk, (uint32_t)(len - HEADER));
	return len;
}

static void nesting(uint64_t *random)
{
	batches(nesting_bomb, HEADER + PAYLOAD, random);
}

/* Requests each of which makes the server call us, with a deadline; we never answer. */
static size_t reminder(unsigned char *at, uint32_t seq, UNUSED uint64_t *random)
{
	frame(at, seq, REQUEST, nr_load_remind, 8);
	word(at + 16, 0);
	word(at + 20, seq);
	return HEADER + 8;
}

static void deadlines(uint64_t *random)
{
	batches(reminder, HEADER + 8, random);
}

/* Requests for large answers, none of which is taken. */
static void deaf(uint64_t *random)
{
	unsigned char *request = malloc(HEADER + PAYLOAD);
	int fd = attach();
	uint32_t seq = 0;

	while (fd >= 0 && active()) {
		size_t len = echo_request(request, seq++, chance(random), PAYLOAD - 16);

		if (!put(fd, request, len, false))
			break;
		step();
	}
	if (fd >= 0)
		close(fd);
	free(request);
}

/* Holds `count` connections, all of which have sent the same, until it is time to rest. Those
 * that the server ends are made anew. */
static void crowd(int count, const unsigned char *bytes, size_t len)
{
	int *fds = malloc((size_t)count * sizeof(int)), i;

	for (i = 0; i < count; i++)
		fds[i] = -1;
	for (i = 0; active(); i = (i + 1) % count) {
		if (fds[i] >= 0 && drain(fds[i])) {
			if (i == count - 1)
				pause_us(20000);
			continue;
		}
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = attach();
		if (fds[i] >= 0 && len > 0)
			put(fds[i], bytes, len, true);
		step();
	}
	for (i = 0; i < count; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	free(fds);
}

/* Half a header; and half a message. */
static void half(uint64_t *random)
{
	unsigned char bytes[HEADER + 64] = { 0 };

	frame(bytes, 0, REQUEST, nr_load_echo, 100);
	crowd(HELD, bytes, chance(random) & 1 << 8 ? 9 : sizeof(bytes));
}

static void silent(UNUSED uint64_t *random)
{
	crowd(step_pause > 0 ? HELD : CROWD, NULL, 0);
}

/* Connects, asks and resets. */
static void resets(uint64_t *random)
{
	unsigned char request[60];

	while (active()) {
		int fd = attach();

		if (fd < 0)
			continue;
		put(fd, request, echo_request(request, 0, chance(random), 32), false);
		reset(fd);
		step();
	}
}

/* ---- attacks on TLS, before there is a session ---- */

/* The beginning of a ClientHello: a good record header, then a good message header. */
static const unsigned char client_hello[] = {
	0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
};

/* A byte now and then, by many. */
static void handshakes(UNUSED uint64_t *random)
{
	int fds[HELD], i;
	size_t sent[HELD];

	for (i = 0; i < HELD; i++)
		fds[i] = -1;
	for (i = 0; active(); i = (i + 1) % HELD) {
		if (fds[i] >= 0 && !drain(fds[i])) {
			close(fds[i]);
			fds[i] = -1;
		}
		if (fds[i] < 0) {
			fds[i] = attach();
			sent[i] = 0;
			step();
		}
		if (fds[i] >= 0 && sent[i] < sizeof(client_hello))
			put(fds[i], client_hello + sent[i]++, 1, false);
		if (i == HELD - 1)
			pause_us(100000);
	}
	for (i = 0; i < HELD; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/* Records of all kinds, before any is due. */
static void records(uint64_t *random)
{
	static const unsigned char kinds[] = { 0x14, 0x15, 0x16, 0x17, 0x18, 0x80, 0x47 };
	unsigned char bytes[2048];

	while (active()) {
		uint64_t r = chance(random);
		size_t len = 16 + r % 2000;
		int fd = attach();

		if (fd < 0)
			continue;
		pattern(r, (char *)bytes, sizeof(bytes));
		if (r & 1 << 20)
			memcpy(bytes, client_hello, sizeof(client_hello));
		bytes[0] = kinds[(r >> 24) % sizeof(kinds)];
		bytes[1] = 3;
		bytes[2] = (unsigned char)(1 + (r >> 32) % 3);
		bytes[3] = (unsigned char)((len - 5) >> 8);
		bytes[4] = (unsigned char)(len - 5);
		if (put(fd, bytes, len, true))
			for (len = 0; len < 20 && active() && drain(fd); len++)
				pause_us(500);
		close(fd);
		step();
	}
}

/* ---- a hostile server ---- */

static int listener = -1;

/* Takes a client, and does not answer it, or not with what it wants, for half a second. */
static void host(uint64_t *random)
{
	static unsigned char bytes[HEADER + 4096];
	struct pollfd wait = { .fd = listener, .events = POLLIN };
	uint64_t r = chance(random) >> 8;
	int fd, i;

	if (poll(&wait, 1, 50) <= 0)
		return;
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	if (r % 8 == 0) {
		reset(fd);
		step();
		return;
	}
	for (i = 0; i < 50 && active() && drain(fd); i++) {
		switch (r % 8) {
		case 1:         /* nothing at all */
			break;
		case 2:
			frame(bytes, (uint32_t)i, 0, nr_load_echo, 0xffffffff);
			put(fd, bytes, sizeof(bytes), true);
			break;
		case 3:         /* of a call, but not what it asked for */
			frame(bytes, (uint32_t)i, 0, nr_load_later, 64);
			put(fd, bytes, HEADER + 64, true);
			break;
		case 4:
			frame(bytes, (uint32_t)i, 0, nr_load_echo, 12);
			word(bytes + 24, 0xffffffff);
			put(fd, bytes, HEADER + 12, true);
			break;
		case 5:
			put(fd, bytes, bogus_reply(bytes, 0, random), true);
			break;
		case 6:         /* calls of its own */
			frame(bytes, (uint32_t)i, REQUEST, nr_load_mirror, 12);
			memset(bytes + HEADER, 0, 12);
			put(fd, bytes, HEADER + 12, true);
			break;
		case 7:         /* half a reply, by and by */
			frame(bytes, 0, 0, nr_load_echo, 4096);
			put(fd, bytes + i, 1, true);
			break;
		}
		pause_us(10000);
	}
	close(fd);
	step();
}

static int listen_here(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);

	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&at, len) != 0 ||
	    listen(listener, 64) != 0 || getsockname(listener, (struct sockaddr *)&at, &len) != 0)
		exit(1);
	return ntohs(at.sin_port);
}

/* ---- the program ---- */

enum kind { PLAIN = 1, TLS = 2, SERVER = 4 };

static const struct attack {
	const char *name;
	void (*run)(uint64_t *random);
	enum kind kind;
} attacks[] = {
	{ "announce", announce, PLAIN }, { "fragments", fragments, PLAIN },
	{ "bogus", bogus, PLAIN }, { "unknown", unknown, PLAIN }, { "counts", counts, PLAIN },
	{ "nesting", nesting, PLAIN }, { "deadlines", deadlines, PLAIN }, { "deaf", deaf, PLAIN },
	{ "half", half, PLAIN }, { "silent", silent, PLAIN }, { "resets", resets, PLAIN },
	{ "handshakes", handshakes, TLS }, { "records", records, TLS }, { "server", host, SERVER }
};
enum { ATTACKS = sizeof(attacks) / sizeof(attacks[0]) };

static const struct attack *only;
static enum kind any;

static void *run(void *arg)
{
	uint64_t random = (uint64_t)(uintptr_t)arg * 2654435761u + (uint64_t)now_us();

	for (;;) {
		const struct attack *attack = only;

		while (!atomic_load(&going))
			pause_us(5000);
		atomic_fetch_add(&busy, 1);
		while (atomic_load(&going)) {
			if (only == NULL) {
				do
					attack = &attacks[(chance(&random) >> 8) % ATTACKS];
				while (attack->kind != any);
				turn_end = now_us() + 100000 + (int64_t)(chance(&random) % 1000000);
			}
			attack->run(&random);
		}
		atomic_fetch_sub(&busy, 1);
	}
	return NULL;
}

static int usage(void)
{
	fprintf(stderr, "usage: attacker ATTACK PORT THREADS PAUSE_US\n");
	return 2;
}

int main(int argc, char **argv)
{
	char command[64];
	long threads, i;
	int port = 0;

	if (argc != 5)
		return usage();
	target = atoi(argv[2]);
	threads = atol(argv[3]);
	step_pause = atol(argv[4]);
	any = strcmp(argv[1], "plain") == 0 ? PLAIN : strcmp(argv[1], "tls") == 0 ? TLS : 0;
	for (i = 0; i < ATTACKS; i++)
		if (strcmp(argv[1], attacks[i].name) == 0)
			only = &attacks[i];
	if (any == 0 && only == NULL)
		return usage();
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	if (only != NULL && only->kind == SERVER)
		port = listen_here();
	for (i = 0; i < threads; i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, run, (void *)(uintptr_t)(i + 1)) != 0)
			return 1;
	}
	while (fgets(command, sizeof(command), stdin) != NULL) {
		if (strcmp(command, "go\n") == 0) {
			atomic_store(&going, true);
			printf("going\n");
		} else if (strcmp(command, "rest\n") == 0) {
			atomic_store(&going, false);
			while (atomic_load(&busy) > 0)
				pause_us(1000);
			printf("resting %ld\n", atomic_load(&steps));
		} else if (strcmp(command, "port\n") == 0) {
			printf("port %d\n", port);
		}
	}
	return 0;
}
