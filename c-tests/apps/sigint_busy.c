/* PROTO: test.mx */
/* MODES: plain asan (under memcheck it is no storm) */
/* TIMEOUT: 90 */
/*
 * Ctrl-C under load: a SIGINT handler that calls mrpc_listen_close and
 * mrpc_conn_set_unref while mrpc_dispatch_loop runs events as fast as it can.
 * Wherever in the library it is interrupted, it comes to its end.
 */
#include "storm.h"

enum { ROUNDS = 60 };

int main(void)
{
	static const char *const names[] = { "connections", "requests" };
	int kind, threads, round;
	bool ok;

	for (kind = STORM_CONNECTS; kind <= STORM_REQUESTS; kind++) {
		for (threads = 0; threads < 2; threads++) {
			SECTION("%d rounds, a storm of %s, %d more dispatch threads", ROUNDS,
				names[kind], threads);
			for (round = 0, ok = true; round < ROUNDS && ok; round++)
				ok = storm_round(kind, threads, 500 + round * 131 % 1500, round * 37 % 2000);
		}
	}
	return tap_done();
}
