/* Who stands between a client and a server, and does with the bytes what is wanted. */
#ifndef BETWEEN_H
#define BETWEEN_H

#include "harness.h"

#include <poll.h>
#include <stdatomic.h>
#include <sys/socket.h>

enum { PASS, CUT, CHANGE };

struct between {
	pthread_t thread;
	int listener;
	const char *to;         /* the server's port */
	char port[8];
	_Atomic int does;       /* CUT: ends both without a word; CHANGE: a bit of each read */
	_Atomic long after;     /* does that after so many bytes more; not 0: once */
	unsigned seed;          /* which bit */
};

static void between_change(struct between *b, char *buf, ssize_t got)
{
	size_t at = (size_t)got - 1;

	if (b->after != 0)
		at = (size_t)rand_r(&b->seed) % (size_t)got;
	buf[at] ^= (char)(1 << rand_r(&b->seed) % 8);
}

static void *between_run(void *arg)
{
	struct between *b = arg;
	int near = peer_accept(b->listener), far = peer_connect(b->to);
	struct pollfd p[2] = { { near, POLLIN, 0 }, { far, POLLIN, 0 } };
	char buf[65536];
	ssize_t got;
	long seen = 0;
	int i, does;

	for (;;) {
		if (b->does == CUT && b->after == 0)
			break;
		poll(p, 2, 20);
		for (i = 0; i < 2; i++) {
			if (!(p[i].revents & (POLLIN | POLLHUP)))
				continue;
			got = recv(p[i].fd, buf, sizeof(buf), MSG_DONTWAIT);
			if (got == 0 || (got < 0 && errno != EAGAIN))
				goto over;
			if (got < 0)
				continue;
			seen += got;
			does = seen > b->after ? b->does : PASS;
			if (does == CUT)
				goto over;
			if (does == CHANGE)
				between_change(b, buf, got);
			if (does == CHANGE && b->after != 0)
				b->does = PASS;
			if (send(p[1 - i].fd, buf, (size_t)got, MSG_NOSIGNAL) != got)
				goto over;
		}
	}
over:
	close(near);
	close(far);
	close(b->listener);
	return NULL;
}

static inline void between_start(struct between *b, const char *to)
{
	b->to = to;
	b->listener = peer_listen(b->port);
	b->thread = thread_start(between_run, b);
}

#endif
