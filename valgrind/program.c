/*
 * A program with several threads on either side of libminirpc, without a race of its own; with
 * an argument, with one: handlers that run at once count without a lock. Ends with status 0.
 */
#define MINIRPC_PROTOCOL
#include <minirpc/protocol.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define CONNECTIONS 2
#define CALLS 20

static int racy;
static long counted, raced, answered;
static int ended;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static mrpc_status_t
info(unsigned cmd, xdrproc_t *type, unsigned *size)
{
	if (cmd != 1)
		return MINIRPC_PROCEDURE_UNAVAIL;
	SET_PTR_IF_NOT_NULL(type, (xdrproc_t)(void (*)(void))xdr_void);
	SET_PTR_IF_NOT_NULL(size, 0);
	return MINIRPC_OK;
}

static mrpc_status_t
handler(const void *ops, void *conn, struct mrpc_message *msg, int cmd, void *in, void *out)
{
	(void)ops; (void)conn; (void)msg; (void)cmd; (void)in; (void)out;
	if (racy)
		raced++;
	pthread_mutex_lock(&lock);
	counted++;
	pthread_mutex_unlock(&lock);
	return MINIRPC_OK;
}

static const struct mrpc_protocol server = {
	.is_server = 1, .request = handler,
	.receiver_request_info = info, .receiver_reply_info = info,
};
static const struct mrpc_protocol client = {
	.sender_request_info = info, .sender_reply_info = info,
};

static void
check(int result, const char *what)
{
	if (result != 0) {
		fprintf(stderr, "%s: %d\n", what, result);
		exit(1);
	}
}

static void
callback(void *conn, void *data, mrpc_status_t status)
{
	(void)conn;
	(void)data;
	check(status, "the async call's status");
	pthread_mutex_lock(&lock);
	answered++;
	pthread_cond_signal(&changed);
	pthread_mutex_unlock(&lock);
}

static void
disconnected(void *conn, enum mrpc_disc_reason reason)
{
	(void)conn;
	(void)reason;
	pthread_mutex_lock(&lock);
	ended++;
	pthread_cond_signal(&changed);
	pthread_mutex_unlock(&lock);
}

static void *
calls(void *conn)
{
	int i;

	for (i = 0; i < CALLS; i++) {
		check(mrpc_send_request_async(&client, conn, 1, (reply_callback_fn *)callback,
			NULL, NULL), "an async call");
		check(mrpc_send_request(&client, conn, 1, NULL, NULL), "a call");
	}
	return NULL;
}

int
main(int argc, char **argv)
{
	struct mrpc_conn_set *sets[2];
	struct mrpc_connection *conns[2][CONNECTIONS];
	pthread_t threads[CONNECTIONS];
	int side, i, fds[2];

	(void)argv;
	racy = argc > 1;
	check(mrpc_conn_set_create(&sets[0], &server, NULL), "a set");
	check(mrpc_conn_set_create(&sets[1], &client, NULL), "a set");
	for (side = 0; side < 2; side++) {
		check(mrpc_set_disconnect_func(sets[side], disconnected), "a function");
		check(mrpc_start_dispatch_thread(sets[side]), "a dispatcher");
		check(mrpc_start_dispatch_thread(sets[side]), "a dispatcher");
	}
	for (i = 0; i < CONNECTIONS; i++) {
		check(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), "a socketpair");
		for (side = 0; side < 2; side++) {
			check(mrpc_conn_create(&conns[side][i], sets[side], NULL), "a handle");
			if (side == 0)
				check(mrpc_conn_set_operations(conns[0][i], &server, &server),
					"operations");
			check(mrpc_bind_fd(conns[side][i], fds[side]), "a connection");
		}
	}
	for (i = 0; i < CONNECTIONS; i++)
		check(pthread_create(&threads[i], NULL, calls, conns[1][i]), "a thread");
	for (i = 0; i < CONNECTIONS; i++)
		check(pthread_join(threads[i], NULL), "the thread's end");
	pthread_mutex_lock(&lock);
	while (answered < CONNECTIONS * CALLS)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
	for (i = 0; i < CONNECTIONS; i++)
		check(mrpc_conn_close(conns[1][i]), "closing");
	pthread_mutex_lock(&lock);
	while (ended < 2 * CONNECTIONS)
		pthread_cond_wait(&changed, &lock);
	if (counted != 2 * CONNECTIONS * CALLS)
		abort();
	pthread_mutex_unlock(&lock);
	for (side = 0; side < 2; side++) {
		for (i = 0; i < CONNECTIONS; i++)
			mrpc_conn_unref(conns[side][i]);
		mrpc_conn_set_unref(sets[side]);
	}
	return 0;
}
