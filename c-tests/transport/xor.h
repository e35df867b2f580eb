/*
 * A transport that is none of the library's: every byte is XORed, and some are escaped, so that
 * there can be bytes of its own in between. A hello of each side makes the handshake, the
 * client's first.
 *
 * It takes and gives as little as it likes: what does not fit is left for the next call.
 */
#ifndef XOR_H
#define XOR_H

#include "harness.h"

#include <minirpc/transport.h>
#include <stdatomic.h>
#include <sys/uio.h>

enum { KEY = 0x5a, ESCAPE = 0x1b };
/* Behind an escape. */
enum { LITERAL = 'e', HELLO = 'h', GOODBYE = 'g', QUESTION = 'q', ANSWER = 'a', REFUSAL = 'r' };

/* What a test may want to know, or to be otherwise. */
static struct xor_world {
	atomic_long attached, detached, opened, freed;
	/* Calls with plain bytes, and with bytes of the wire; answers to questions. */
	atomic_long seals, reads, questions, answers;
	/* Clients that were ready, and ended without a word. */
	atomic_long silent_ends;
	/* A server refuses clients. */
	atomic_bool refuses;
	/* A server asks a question with each batch, which the client's session answers. */
	atomic_bool asks;
	/* open fails with this. */
	atomic_int open_error;
	/* A server takes its time: it says nothing. */
	atomic_bool silent;
	/* Each call of send takes at most this many bytes, if it is not 0. */
	atomic_long sip;
	pthread_mutex_t lock;		/* of what follows: of the last client that was opened */
	char host[64];
	int bound;
} xor_world = { .lock = PTHREAD_MUTEX_INITIALIZER };

struct xor_session {
	int server;
	bool escaped;
	atomic_bool ready, ended, failed, parted;
	pthread_mutex_t lock;		/* of what follows */
	char out[64];			/* what is behind escapes, to be sent */
	size_t out_len;
};

static int xor_attach(void *data, int server, void **shared)
{
	int *counter = data;

	(void)server;
	if (counter != NULL && *counter != 0)
		return *counter;
	atomic_fetch_add(&xor_world.attached, 1);
	*shared = &xor_world;
	return 0;
}

static void xor_detach(void *shared)
{
	CHECK_PTR(shared, &xor_world);
	atomic_fetch_add(&xor_world.detached, 1);
}

static void xor_say(struct xor_session *s, char what)
{
	pthread_mutex_lock(&s->lock);
	if (s->out_len < sizeof(s->out))
		s->out[s->out_len++] = what;
	pthread_mutex_unlock(&s->lock);
}

static int xor_open(void *shared, const struct mrpc_transport_end *end, void **session,
		    char *text, size_t text_size)
{
	struct xor_session *s;

	CHECK_PTR(shared, &xor_world);
	CHECK_EQ(end->size, sizeof(*end));
	CHECK(end->address_len >= sizeof(sa_family_t));
	if (xor_world.open_error != 0) {
		snprintf(text, text_size, "it does not open");
		return xor_world.open_error;
	}
	s = calloc(1, sizeof(*s));
	s->server = end->server;
	pthread_mutex_init(&s->lock, NULL);
	if (!s->server) {
		pthread_mutex_lock(&xor_world.lock);
		xor_world.bound = end->bound;
		snprintf(xor_world.host, sizeof(xor_world.host), "%s",
			 end->host != NULL ? end->host : "none");
		pthread_mutex_unlock(&xor_world.lock);
		xor_say(s, HELLO);
	}
	atomic_fetch_add(&xor_world.opened, 1);
	*session = s;
	return 0;
}

static void xor_free(void *session)
{
	struct xor_session *s = session;

	if (s->ready && !s->failed && !s->parted && !s->server)
		atomic_fetch_add(&xor_world.silent_ends, 1);
	pthread_mutex_destroy(&s->lock);
	free(s);
	atomic_fetch_add(&xor_world.freed, 1);
}

static int xor_state(struct xor_session *s)
{
	int state = 0;

	pthread_mutex_lock(&s->lock);
	if (s->ready)
		state |= MRPC_TRANSPORT_READY;
	if (s->ended)
		state |= MRPC_TRANSPORT_ENDED;
	if (s->failed)
		state |= MRPC_TRANSPORT_FAILED;
	if (s->out_len > 0)
		state |= MRPC_TRANSPORT_SEND;
	pthread_mutex_unlock(&s->lock);
	return state;
}

/* A byte behind an escape that is no literal. */
static void xor_hear(struct xor_session *s, char what)
{
	switch (what) {
	case HELLO:
		if (s->server && xor_world.refuses) {
			s->failed = true;
			xor_say(s, REFUSAL);
		} else if (!s->server) {
			s->ready = true;
		} else if (!xor_world.silent) {
			s->ready = true;
			xor_say(s, HELLO);
		}
		break;
	case GOODBYE:
		s->ended = true;
		break;
	case QUESTION:
		atomic_fetch_add(&xor_world.questions, 1);
		xor_say(s, ANSWER);
		break;
	case ANSWER:
		atomic_fetch_add(&xor_world.answers, 1);
		break;
	default:
		s->failed = true;
	}
}

static int xor_receive(void *session, const void *wire, size_t len, size_t *taken, void *plain,
		       size_t room, size_t *given)
{
	struct xor_session *s = session;
	const unsigned char *in = wire;
	unsigned char *out = plain;
	size_t i, o = 0;

	if (len > 0)
		atomic_fetch_add(&xor_world.reads, 1);
	for (i = 0; i < len && !s->ended && !s->failed; i++) {
		unsigned char byte = in[i] ^ KEY;
		bool literal = s->escaped && byte == LITERAL;

		if (!s->ready && !s->escaped && byte != ESCAPE) {
			s->failed = true;
		} else if (s->escaped && !literal) {
			s->escaped = false;
			xor_hear(s, (char)byte);
		} else if (byte == ESCAPE && !s->escaped) {
			s->escaped = true;
		} else {
			if (o == room)
				break;
			out[o++] = literal ? ESCAPE : byte;
			s->escaped = false;
		}
	}
	*taken = s->ended || s->failed ? len : i;
	*given = o;
	return xor_state(s);
}

/* What comes of a byte goes behind `out`; false: there is no room. */
static bool xor_put(unsigned char *out, size_t room, size_t *o, unsigned char byte, char escaped)
{
	if (*o + (escaped ? 2 : 1) > room)
		return false;
	if (escaped)
		out[(*o)++] = ESCAPE ^ KEY;
	out[(*o)++] = (escaped ? (unsigned char)escaped : byte) ^ KEY;
	return true;
}

static int xor_send(void *session, const struct iovec *plain, size_t count, size_t *taken,
		    void *wire, size_t room, size_t *given)
{
	struct xor_session *s = session;
	size_t most = xor_world.sip > 0 ? (size_t)xor_world.sip : SIZE_MAX;
	size_t o = 0, i, j, len = 0;

	for (i = 0; i < count; i++)
		len += plain[i].iov_len;
	CHECK(room >= len + len / 8 && room >= 1024);
	*taken = 0;
	if (count > 0) {
		CHECK(s->ready && !s->parted);
		atomic_fetch_add(&xor_world.seals, 1);
		if (s->server && xor_world.asks)
			xor_say(s, QUESTION);
	}
	pthread_mutex_lock(&s->lock);
	for (i = 0; i < s->out_len && xor_put(wire, room, &o, 0, s->out[i]); i++)
		;
	memmove(s->out, s->out + i, s->out_len - i);
	s->out_len -= i;
	pthread_mutex_unlock(&s->lock);
	for (i = 0; i < count; i++) {
		const unsigned char *from = plain[i].iov_base;

		for (j = 0; j < plain[i].iov_len; j++) {
			if (*taken == most || !xor_put(wire, room, &o, from[j],
						       from[j] == ESCAPE ? LITERAL : 0))
				goto full;
			++*taken;
		}
	}
full:
	*given = o;
	return xor_state(s);
}

static int xor_end(void *session)
{
	struct xor_session *s = session;

	CHECK(s->ready && !s->parted);
	s->parted = true;
	xor_say(session, GOODBYE);
	return xor_state(session);
}

static void xor_get_error(void *session, char *text, size_t size)
{
	struct xor_session *s = session;

	snprintf(text, size, "%s", s->failed ? "these bytes are not ours" : "");
}

static const struct mrpc_transport xor_transport = {
	.size = sizeof(struct mrpc_transport),
	.attach = xor_attach,
	.detach = xor_detach,
	.open = xor_open,
	.free = xor_free,
	.receive = xor_receive,
	.send = xor_send,
	.end = xor_end,
	.get_error = xor_get_error,
};

static inline void xor_set(struct mrpc_conn_set *set, bool server)
{
	(void)server;
	REQUIRE_EQ(mrpc_set_transport(set, &xor_transport, NULL), 0);
}

/* All pairs of the test are made with it. */
__attribute__((constructor)) static void xor_all(void)
{
	pair_transport = xor_set;
}

#endif
