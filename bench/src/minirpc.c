/*
 * The library, on its public interface with generated stubs.
 *
 * BENCH_DISPATCHERS (default 1): threads in the server; BENCH_CLIENT_DISPATCHERS
 * (default 1): threads in the client, which sync calls do not need but most
 * applications have. BENCH_TRACE=1: each side traces what happens, and counts it.
 * BENCH_TIMEOUT_MS: the calls' timeout; BENCH_CANCELLABLE=1: sync calls can be cancelled.
 * Built with TLS, which other builds of the library have not: BENCH_TLS has the directory of
 * the certificates, and BENCH_TLS_KEY says which is the server's (p256).
 */
#define _GNU_SOURCE
#include "peer.h"

#include "bench_client.h"
#include "bench_server.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_PAYLOAD = 4 << 20 };

static void must(int error, const char *what)
{
	if (error) {
		errno = error > 0 ? error : 0;
		peer_die(error > 0 ? what : mrpc_strerror(error));
	}
}

static void start_dispatchers(struct mrpc_conn_set *set, long n)
{
	while (n-- > 0)
		must(mrpc_start_dispatch_thread(set), "mrpc_start_dispatch_thread");
}

/* Older libraries have no traces. */
extern __typeof__(mrpc_set_trace_func) mrpc_set_trace_func __attribute__((weak));

static void count_step(void *data, const struct mrpc_trace_event *event)
{
	static _Thread_local uint64_t steps[MRPC_TRACE_ERROR + 1];

	(void)data;
	steps[event->kind]++;
}

static void start_trace(struct mrpc_conn_set *set)
{
	if (!peer_option("BENCH_TRACE", 0))
		return;
	must(mrpc_set_trace_func == NULL ? ENOSYS : mrpc_set_trace_func(set, count_step, NULL),
		"mrpc_set_trace_func");
}

/* Nor do they have this. */
extern __typeof__(mrpc_set_call_timeout) mrpc_set_call_timeout __attribute__((weak));

static void set_timeout(struct mrpc_conn_set *set)
{
	long ms = peer_option("BENCH_TIMEOUT_MS", 0);

	if (ms)
		must(mrpc_set_call_timeout == NULL ? ENOSYS :
			mrpc_set_call_timeout(set, (unsigned)ms), "mrpc_set_call_timeout");
}

#ifdef WITH_TLS
#include <minirpc/tls.h>

static void start_tls(struct mrpc_conn_set *set, int server)
{
	const char *dir = getenv("BENCH_TLS"), *name = getenv("BENCH_TLS_KEY");
	char path[2][1024];
	struct mrpc_tls *tls;

	must(dir == NULL ? EINVAL : mrpc_tls_create(&tls), "BENCH_TLS");
	if (server) {
		name = name != NULL ? name : "p256";
		snprintf(path[0], sizeof path[0], "%s/%s.pem", dir, name);
		snprintf(path[1], sizeof path[1], "%s/%s.key", dir, name);
		must(mrpc_tls_set_identity(tls, path[0], path[1]), "mrpc_tls_set_identity");
	} else {
		snprintf(path[0], sizeof path[0], "%s/ca.pem", dir);
		must(mrpc_tls_trust(tls, path[0]), "mrpc_tls_trust");
	}
	must(mrpc_set_tls(set, tls), "mrpc_set_tls");
	mrpc_tls_unref(tls);
}
#else
static void start_tls(struct mrpc_conn_set *set, int server)
{
	(void)set;
	(void)server;
}
#endif

/* ---- server */

static _Atomic uint64_t ticks;

static mrpc_status_t add(void *conn_data, struct mrpc_message *msg, num *in, num *out)
{
	(void)conn_data;
	(void)msg;
	*out = *in + 1;
	return MINIRPC_OK;
}

/* The connection's end answers for it. */
static mrpc_status_t hold(void *conn_data, struct mrpc_message *msg, num *in, num *out)
{
	(void)conn_data;
	(void)msg;
	(void)in;
	(void)out;
	return MINIRPC_PENDING;
}

static mrpc_status_t put(void *conn_data, struct mrpc_message *msg, blob *in, num *out)
{
	(void)conn_data;
	(void)msg;
	*out = (num)in->blob_len;
	return MINIRPC_OK;
}

/* The reply takes over what the request holds. */
static mrpc_status_t echo(void *conn_data, struct mrpc_message *msg, records *in, records *out)
{
	(void)conn_data;
	(void)msg;
	*out = *in;
	memset(in, 0, sizeof *in);
	return MINIRPC_OK;
}

static mrpc_status_t sum(void *conn_data, struct mrpc_message *msg, numbers *in, num *out)
{
	(void)conn_data;
	(void)msg;
	*out = (num)in->numbers_len + in->numbers_val[in->numbers_len - 1];
	return MINIRPC_OK;
}

static mrpc_status_t count(void *conn_data, struct mrpc_message *msg, total *out)
{
	(void)conn_data;
	(void)msg;
	*out = atomic_load(&ticks);
	return MINIRPC_OK;
}

/* A connection's messages come one at a time; only the sum is shared. */
static void tick(void *conn_data, struct mrpc_message *msg, num *in)
{
	(void)conn_data;
	(void)msg;
	(void)in;
	atomic_store_explicit(&ticks, atomic_load_explicit(&ticks, memory_order_relaxed) + 1,
		memory_order_relaxed);
}

static const struct bench_server_operations operations = {
	.add = add, .put = put, .echo = echo, .sum = sum, .count = count, .hold = hold,
	.tick = tick
};

static void *accepted(void *set_data, struct mrpc_connection *conn, struct sockaddr *from,
	socklen_t from_len)
{
	(void)set_data;
	(void)from;
	(void)from_len;
	must(bench_server_set_operations(conn, &operations), "set_operations");
	return conn;
}

static void disconnected(void *conn_data, enum mrpc_disc_reason reason)
{
	(void)reason;
	mrpc_conn_unref(conn_data);
}

void peer_server(int port, const char *wl)
{
	struct mrpc_conn_set *set;
	char *service = NULL;

	(void)port;
	(void)wl;
	must(mrpc_conn_set_create(&set, bench_server, NULL), "mrpc_conn_set_create");
	must(mrpc_set_accept_func(set, accepted), "mrpc_set_accept_func");
	must(mrpc_set_disconnect_func(set, disconnected), "mrpc_set_disconnect_func");
	must(mrpc_set_max_buf_len(set, MAX_PAYLOAD), "mrpc_set_max_buf_len");
	must(mrpc_set_listen_backlog(set, 4096), "mrpc_set_listen_backlog");
	start_trace(set);
	start_tls(set, 1);
	start_dispatchers(set, peer_option("BENCH_DISPATCHERS", 1));
	must(mrpc_listen(set, AF_INET, "127.0.0.1", &service), "mrpc_listen");
	peer_ready(atoi(service));
	for (;;)
		pause();
}

/* ---- client */

static struct mrpc_conn_set *clients;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_clients(void)
{
	must(mrpc_conn_set_create(&clients, bench_client, NULL), "mrpc_conn_set_create");
	must(mrpc_set_max_buf_len(clients, MAX_PAYLOAD), "mrpc_set_max_buf_len");
	start_trace(clients);
	set_timeout(clients);
	start_tls(clients, 0);
	start_dispatchers(clients, peer_option("BENCH_CLIENT_DISPATCHERS", 1));
}

void *peer_open(int port, const char *wl)
{
	struct mrpc_connection *conn;
	char service[16];

	(void)wl;
	pthread_once(&once, make_clients);
	snprintf(service, sizeof service, "%d", port);
	must(mrpc_conn_create(&conn, clients, NULL), "mrpc_conn_create");
	must(mrpc_connect(conn, AF_INET, "127.0.0.1", service), "mrpc_connect");
	return conn;
}

int32_t peer_call(void *conn, int32_t x)
{
	static _Thread_local mrpc_call_t call;
	struct mrpc_call_options options = MRPC_CALL_OPTIONS_INIT;
	static int cancellable = -1;
	num in = x, *out;
	int32_t value;

	if (cancellable < 0)
		cancellable = peer_option("BENCH_CANCELLABLE", 0) != 0;
	options.call = &call;
	must(cancellable ? bench_add_with(conn, &options, &in, &out) : bench_add(conn, &in, &out),
		"add");
	value = *out;
	free(out);
	return value;
}

void peer_put(void *conn, const void *p, size_t n)
{
	blob in = { (u_int)n, (char *)p };
	num *out;

	must(bench_put(conn, &in, &out), "put");
	if ((size_t)*out != n)
		peer_die("put: wrong length");
	free(out);
}

static void added(void *conn_private, void *msg_private, mrpc_status_t status, num *reply)
{
	(void)conn_private;
	must(status, "add");
	bench_replied(msg_private, *reply);
}

void peer_async(void *conn, int32_t x, void *arg)
{
	num in = x;

	must(bench_add_async(conn, added, arg, &in), "add_async");
}

static void held(void *conn_private, void *msg_private, mrpc_status_t status, num *reply)
{
	(void)conn_private;
	(void)reply;
	if (status != MINIRPC_TIMEDOUT)
		must(status ? status : EINVAL, "hold");
	bench_ended(msg_private);
}

void peer_held(void *conn, unsigned ms)
{
	struct mrpc_call_options options = MRPC_CALL_OPTIONS_INIT;
	num in = 0, *out;

	options.timeout_ms = ms;
	if (bench_hold_with(conn, &options, &in, &out) != MINIRPC_TIMEDOUT)
		peer_die("hold: not timed out");
}

void peer_held_async(void *conn, unsigned ms, void *arg)
{
	struct mrpc_call_options options = MRPC_CALL_OPTIONS_INIT;
	num in = 0;

	options.timeout_ms = ms;
	must(bench_hold_async_with(conn, &options, held, arg, &in), "hold_async");
}

void peer_fill(void *conn, size_t n, unsigned ms)
{
	struct mrpc_call_options options = MRPC_CALL_OPTIONS_INIT;
	blob in = { (u_int)n, calloc(1, n) };
	num *out;

	options.timeout_ms = ms;
	if (in.blob_val == NULL || bench_put_with(conn, &options, &in, &out) != MINIRPC_TIMEDOUT)
		peer_die("put: not timed out");
	free(in.blob_val);
}

void peer_unresolved(const char *name, unsigned ms)
{
	struct mrpc_connection *conn;

	pthread_once(&once, make_clients);
	must(mrpc_set_connect_timeout(clients, ms), "mrpc_set_connect_timeout");
	must(mrpc_conn_create(&conn, clients, NULL), "mrpc_conn_create");
	if (mrpc_connect(conn, AF_INET, name, "1") != ETIMEDOUT)
		peer_die("mrpc_connect: not timed out");
	mrpc_conn_unref(conn);
}

void peer_messages(void *conn, uint64_t n)
{
	static uint64_t expected;
	total *counted;

	for (uint64_t i = 0; i < n; i++) {
		num in = (num)i;

		must(bench_tick(conn, &in), "tick");
	}
	must(bench_count(conn, &counted), "count");
	expected += n;
	if (*counted != expected)
		peer_die("messages: some were lost");
	free(counted);
}

void peer_records(void *conn)
{
	static record list[BENCH_RECORDS];
	static char names[BENCH_RECORDS][16];
	records in = { BENCH_RECORDS, list }, *out;

	if (list[0].name == NULL)
		for (int i = 0; i < BENCH_RECORDS; i++) {
			snprintf(names[i], sizeof names[i], "record %d", i);
			list[i] = (record){ names[i], (u_quad_t)i << 33, i * 0.5, i * 0.25 };
		}
	must(bench_echo(conn, &in, &out), "echo");
	if (out->records_len != BENCH_RECORDS || out->records_val[7].id != 7ull << 33)
		peer_die("echo: wrong records");
	free_records(out, 1);
}

void peer_numbers(void *conn)
{
	static num list[BENCH_NUMBERS];
	numbers in = { BENCH_NUMBERS, list };
	num *out;

	list[BENCH_NUMBERS - 1] = 5;
	must(bench_sum(conn, &in, &out), "sum");
	if (*out != BENCH_NUMBERS + 5)
		peer_die("sum: wrong reply");
	free(out);
}
