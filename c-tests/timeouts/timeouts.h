/*
 * What the tests of calls that end in time share. The peer is a bare socket, unless a test
 * says otherwise.
 */
#ifndef TIMEOUTS_H
#define TIMEOUTS_H

#include "extra_rt.h"
#include "latency.h"

#define UNUSED __attribute__((unused))

enum { TIMEDOUT = MINIRPC_TIMEDOUT, CANCELLED = MINIRPC_CANCELLED };

static const struct test_client_operations no_ops;

/* Options with a timeout, and a place for the key or NULL. */
UNUSED static struct mrpc_call_options with(unsigned ms, mrpc_call_t *call)
{
	struct mrpc_call_options o = MRPC_CALL_OPTIONS_INIT;

	o.timeout_ms = ms;
	o.call = call;
	return o;
}

/* That so many microseconds are not less than so many milliseconds, and, as busy as the
 * machine may be, no more than that and a second. */
#define ON_TIME(us, ms) on_time((us), (ms), __FILE__, __LINE__)
UNUSED static bool on_time(int64_t us, int64_t ms, const char *file, int line)
{
	return tap_check_msg(us >= ms * 1000 && us < (ms + scaled(1000)) * 1000, file, line,
			     "%lld us for %lld ms", (long long)us, (long long)ms);
}

/* A call that has to time out, and does so on time. */
#define TIMES_OUT(conn, ms) times_out((conn), (ms), __FILE__, __LINE__)
UNUSED static bool times_out(struct mrpc_connection *conn, unsigned ms, const char *file, int line)
{
	struct mrpc_call_options o = with(ms, NULL);
	int64_t start = now_us();
	number n = 7, *out = &n;
	bool ok;

	ok = tap_check_eq(test_get_with(conn, &o, &out), TIMEDOUT, file, line, "the status");
	ok &= tap_check(out == NULL, file, line, "no result");
	return on_time(now_us() - start, ms, file, line) && ok;
}

/* The next request that the peer gets: its number. */
UNUSED static uint32_t peer_request(int fd, int cmd)
{
	struct frame f;

	peer_recv(fd, &f);
	CHECK_EQ(f.cmd, cmd);
	CHECK_EQ(f.status, PENDING);
	free(f.data);
	return f.seq;
}

/* A message that a client's callback has come after. */
UNUSED static void peer_event(int fd, int value)
{
	peer_number(fd, 0, nr_test_event, value);
}

#endif
