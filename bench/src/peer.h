/*
 * What one way of making calls (raw sockets, this library, another one) gives
 * to the driver. A program is driver.c, measure.c and one file that defines
 * these functions; "PROG server WL" and "PROG client WL PORT SERVER_PID" run as
 * two processes.
 */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Server: listen on 127.0.0.1, call peer_ready() with the port, serve until
 * killed. `port` was free a moment ago, for libraries that cannot choose. `wl`
 * names the workload, where a library's authors advise another server for it.
 * Operations: add(x) = x + 1, put(opaque<>) = its length. */
void peer_server(int port, const char *wl);

/* Client. */
void *peer_open(int port, const char *wl);
int32_t peer_call(void *conn, int32_t x);
void peer_put(void *conn, const void *p, size_t n);

/* The rest may be left out: the driver then lacks the workload. */
#define PEER_OPTIONAL __attribute__((weak))

/* W2: completes `total` calls of add, at most `window` outstanding. */
PEER_OPTIONAL void peer_pipeline(void *conn, int window, uint64_t total);
/* W2 and fair, instead of the former: starts one call of add; the reply goes to
 * bench_replied(arg, value). */
PEER_OPTIONAL void peer_async(void *conn, int32_t x, void *arg);
/* W6: sends `total` one-way messages of 4 bytes and returns when the server has
 * counted all of them. */
PEER_OPTIONAL void peer_messages(void *conn, uint64_t total);
/* W7: BENCH_RECORDS structs to the server and back. */
PEER_OPTIONAL void peer_records(void *conn);
/* W8: an array of BENCH_NUMBERS ints to the server, an int back. */
PEER_OPTIONAL void peer_numbers(void *conn);
/* early: makes a call that is never answered, sync or async, whose time is up after so many
 * milliseconds; then, for the latter, bench_ended(arg). */
PEER_OPTIONAL void peer_held(void *conn, unsigned ms);
PEER_OPTIONAL void peer_held_async(void *conn, unsigned ms, void *arg);
/* late: leaves the socket full, with a call of so many bytes that is given up after so many
 * milliseconds, to a peer that does not read; tries to connect to a name that is not resolved
 * before the time for that is up. */
PEER_OPTIONAL void peer_fill(void *conn, size_t n, unsigned ms);
PEER_OPTIONAL void peer_unresolved(const char *name, unsigned ms);

/* Defined by the driver. */
enum { BENCH_RECORDS = 200, BENCH_NUMBERS = 10000 };
void bench_replied(void *arg, int32_t value);
void bench_ended(void *arg);
void peer_ready(int port);
void peer_die(const char *what) __attribute__((noreturn));
long peer_option(const char *name, long otherwise);
int peer_listen(int *port); /* 0: any free port, which is stored */
int peer_connect(int port);

#ifdef __cplusplus
}
#endif
#endif
