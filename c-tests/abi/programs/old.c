/*
 * A program as one of 2008 would be: it declares the interface as it was then,
 * and uses every function of it. Built and run by ../old_binary.c, which links
 * it to another libminirpc.so.1 than it is run with.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- XDR, as it was in libc ---- */

typedef int bool_t;
typedef struct XDR XDR;
struct XDR {
	int x_op;
	const struct {
		bool_t (*getlong)(XDR *, long *);
		bool_t (*putlong)(XDR *, const long *);
		bool_t (*getbytes)(XDR *, char *, unsigned);
		bool_t (*putbytes)(XDR *, const char *, unsigned);
		unsigned (*getpostn)(const XDR *);
		bool_t (*setpostn)(XDR *, unsigned);
		int32_t *(*inline_)(XDR *, unsigned);
		void (*destroy)(XDR *);
		bool_t (*getint32)(XDR *, int32_t *);
		bool_t (*putint32)(XDR *, const int32_t *);
	} *x_ops;
	char *x_public, *x_private, *x_base;
	unsigned x_handy;
};
typedef bool_t (*xdrproc_t)(XDR *, void *, ...);

static bool_t xdr_number(XDR *xdrs, void *obj, ...)
{
	int32_t *value = obj;

	switch (xdrs->x_op) {
	case 0:
		return xdrs->x_ops->putint32(xdrs, value);
	case 1:
		return xdrs->x_ops->getint32(xdrs, value);
	}
	return 1;
}

static bool_t xdr_name(XDR *xdrs, void *obj, ...)
{
	char **text = obj;
	long len;

	if (xdrs->x_op == 2) {
		free(*text);
		*text = NULL;
		return 1;
	}
	if (xdrs->x_op == 0) {
		len = (long)strlen(*text);
		return xdrs->x_ops->putlong(xdrs, &len) &&
			xdrs->x_ops->putbytes(xdrs, *text, (unsigned)len) &&
			xdrs->x_ops->putbytes(xdrs, "\0\0\0", (4 - (unsigned)len % 4) % 4);
	}
	if (!xdrs->x_ops->getlong(xdrs, &len) || len < 0 || len > 1000)
		return 0;
	*text = calloc(1, (size_t)len + 1);
	return xdrs->x_ops->getbytes(xdrs, *text, (unsigned)len) &&
		xdrs->x_ops->inline_(xdrs, 0) != (int32_t *)1 &&
		xdrs->x_ops->setpostn(xdrs, xdrs->x_ops->getpostn(xdrs) +
				      (4 - (unsigned)len % 4) % 4);
}

static bool_t xdr_void(XDR *xdrs, void *obj, ...)
{
	(void)xdrs;
	(void)obj;
	return 1;
}

/* ---- miniRPC ---- */

struct mrpc_protocol {
	int is_server;
	int (*request)(const void *, void *, void *, int, void *, void *);
	int (*sender_request_info)(unsigned, xdrproc_t *, unsigned *);
	int (*sender_reply_info)(unsigned, xdrproc_t *, unsigned *);
	int (*receiver_request_info)(unsigned, xdrproc_t *, unsigned *);
	int (*receiver_reply_info)(unsigned, xdrproc_t *, unsigned *);
};
typedef struct set set_t;
typedef struct conn conn_t;

extern int mrpc_version_code(void);
extern const char *mrpc_strerror(int);
extern int mrpc_conn_set_create(set_t **, const struct mrpc_protocol *, void *);
extern void mrpc_conn_set_ref(set_t *);
extern void mrpc_conn_set_unref(set_t *);
extern int mrpc_set_accept_func(set_t *, void *(*)(void *, conn_t *, struct sockaddr *, socklen_t));
extern int mrpc_set_disconnect_func(set_t *, void (*)(void *, int));
extern int mrpc_set_ioerr_func(set_t *, void (*)(void *, char *));
extern int mrpc_set_max_buf_len(set_t *, unsigned);
extern int mrpc_set_listen_backlog(set_t *, unsigned);
extern int mrpc_set_accept_backoff(set_t *, unsigned);
extern int mrpc_set_keepalive_enabled(set_t *, int);
extern int mrpc_set_keepalive_parameters(set_t *, unsigned, unsigned, unsigned);
extern int mrpc_conn_create(conn_t **, set_t *, void *);
extern void mrpc_conn_ref(conn_t *);
extern void mrpc_conn_unref(conn_t *);
extern int mrpc_connect(conn_t *, int, const char *, const char *);
extern int mrpc_listen(set_t *, int, const char *, char **);
extern void mrpc_listen_close(set_t *);
extern int mrpc_bind_fd(conn_t *, int);
extern int mrpc_conn_get_counter(conn_t *, int, uint64_t *);
extern int mrpc_conn_close(conn_t *);
extern int mrpc_start_dispatch_thread(set_t *);
extern void mrpc_dispatcher_add(set_t *);
extern void mrpc_dispatcher_remove(set_t *);
extern int mrpc_dispatch_loop(set_t *);
extern int mrpc_dispatch(set_t *, int);
extern int mrpc_get_event_fd(set_t *);
extern int mrpc_stop_events(conn_t *);
extern int mrpc_start_events(conn_t *);
extern int mrpc_release_event(void);
extern int mrpc_conn_set_operations(conn_t *, const struct mrpc_protocol *, const void *);
extern int mrpc_send_request(const struct mrpc_protocol *, conn_t *, int, void *, void **);
extern int mrpc_send_request_async(const struct mrpc_protocol *, conn_t *, int, void (*)(void),
				   void *, void *);
extern int mrpc_send_request_noreply(const struct mrpc_protocol *, conn_t *, int, void *);
extern int mrpc_send_reply(const struct mrpc_protocol *, int, void *, void *);
extern int mrpc_send_reply_error(const struct mrpc_protocol *, int, void *, int);

/* ---- the program: 1 number -> number, 2 name -> name, 3 replied to later,
 * 4 the same, with an error; -1 number, -2 nothing ---- */

#define EXPECT(cond) do { \
	if (!(cond)) { \
		printf("# old program, line %d: %s\n", __LINE__, #cond); \
		exit(1); \
	} \
} while (0)

static const struct mrpc_protocol server, client;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int messages, callbacks, ends, accepted;
static conn_t *accepted_conn;

static void note(int *what)
{
	pthread_mutex_lock(&lock);
	++*what;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static void await(const int *what, int n)
{
	pthread_mutex_lock(&lock);
	while (*what < n)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}

static int info(unsigned cmd, xdrproc_t *type, unsigned *size, int reply)
{
	int n = (int)cmd;

	if (n == 0 || n > 4 || n < -2 || (reply && n < 0))
		return -3;
	if (type != NULL)
		*type = n == -2 ? xdr_void : n == 2 ? xdr_name : xdr_number;
	if (size != NULL)
		*size = n == -2 ? 0 : n == 2 ? sizeof(char *) : sizeof(int32_t);
	return 0;
}

static int request_info(unsigned cmd, xdrproc_t *type, unsigned *size)
{
	return info(cmd, type, size, 0);
}

static int reply_info(unsigned cmd, xdrproc_t *type, unsigned *size)
{
	return info(cmd, type, size, 1);
}

struct later {
	void *msg;
	int cmd;
	int32_t result;
	int is_server;
};

static void *reply_later(void *arg)
{
	struct later *l = arg;
	const struct mrpc_protocol *own = l->is_server ? &server : &client;

	if (l->cmd == 3)
		EXPECT(mrpc_send_reply(own, 3, l->msg, &l->result) == 0);
	else
		EXPECT(mrpc_send_reply_error(own, 4, l->msg, 44) == 0);
	free(l);
	return NULL;
}

static int request(const void *ops, void *data, void *msg, int cmd, void *in, void *out)
{
	pthread_t thread;
	struct later *l;

	(void)data;
	switch (cmd) {
	case 1:
		*(int32_t *)out = *(int32_t *)in + 1;
		return 0;
	case 2:
		*(char **)out = strdup(*(char **)in);
		return 0;
	case 3:
	case 4:
		EXPECT(mrpc_release_event() == 0);
		EXPECT(mrpc_release_event() == ENOENT);
		l = malloc(sizeof(*l));
		l->msg = msg;
		l->cmd = cmd;
		l->result = *(int32_t *)in * 2;
		l->is_server = ops == &server;
		EXPECT(pthread_create(&thread, NULL, reply_later, l) == 0);
		pthread_detach(thread);
		return -1;
	}
	note(&messages);
	return 0;
}

static const struct mrpc_protocol server = {
	1, request, request_info, reply_info, request_info, reply_info
};
static const struct mrpc_protocol client = {
	0, request, request_info, reply_info, request_info, reply_info
};

static void *on_accept(void *set_data, conn_t *conn, struct sockaddr *from, socklen_t len)
{
	EXPECT(set_data == &server && len >= 16 && from->sa_family == AF_INET);
	EXPECT(mrpc_conn_set_operations(conn, &server, &server) == 0);
	accepted_conn = conn;
	note(&accepted);
	return &accepted;
}

static void on_disconnect(void *data, int reason)
{
	EXPECT(data != NULL && reason >= 0 && reason <= 1);
	note(&ends);
}

static void on_ioerr(void *data, char *text)
{
	(void)data;
	printf("# ioerr: %s\n", text);
	exit(1);
}

static void on_number(void *data, void *private, int status, int32_t *number)
{
	EXPECT(data != NULL && private == &callbacks && status == 0 && *number == 8);
	note(&callbacks);
}

static void use(const struct mrpc_protocol *own, conn_t *conn)
{
	int32_t n = 7, *out = NULL;
	char *name = (char *)"a name", **name_out = NULL;
	uint64_t count;
	int i, before = callbacks;

	EXPECT(mrpc_send_request(own, conn, 1, &n, (void **)&out) == 0 && *out == 8);
	free(out);
	EXPECT(mrpc_send_request(own, conn, 2, &name, (void **)&name_out) == 0);
	EXPECT(strcmp(*name_out, "a name") == 0);
	free(*name_out);
	free(name_out);
	EXPECT(mrpc_send_request(own, conn, 3, &n, (void **)&out) == 0 && *out == 14);
	free(out);
	EXPECT(mrpc_send_request(own, conn, 4, &n, (void **)&out) == 44 && out == NULL);
	EXPECT(mrpc_send_request(own, conn, 5, &n, (void **)&out) == -2);
	for (i = 0; i < 10; i++)
		EXPECT(mrpc_send_request_async(own, conn, 1, (void (*)(void))on_number,
					       &callbacks, &n) == 0);
	await(&callbacks, before + 10);
	before = messages;
	EXPECT(mrpc_send_request_noreply(own, conn, -1, &n) == 0);
	EXPECT(mrpc_send_request_noreply(own, conn, -2, NULL) == 0);
	await(&messages, before + 2);
	for (i = 0; i < 4; i++)
		EXPECT(mrpc_conn_get_counter(conn, i, &count) == 0 && count > 0);
	EXPECT(mrpc_conn_get_counter(conn, 4, &count) == EINVAL);
}

static void by_hand(set_t *set)
{
	struct pollfd p;
	conn_t *conn;
	int fds[2], n = ends;

	EXPECT(mrpc_conn_create(&conn, set, NULL) == 0);
	EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
	EXPECT(mrpc_bind_fd(conn, fds[0]) == 0);
	EXPECT(mrpc_stop_events(conn) == 0);
	close(fds[1]);
	EXPECT(mrpc_start_events(conn) == 0);
	EXPECT(mrpc_start_events(conn) == EINVAL);
	p.fd = mrpc_get_event_fd(set);
	p.events = POLLIN;
	mrpc_dispatcher_add(set);
	while (ends == n) {
		EXPECT(poll(&p, 1, 10000) == 1);
		mrpc_dispatch(set, 0);
	}
	mrpc_dispatcher_remove(set);
	mrpc_conn_unref(conn);
}

static void *loop(void *set)
{
	mrpc_dispatcher_add(set);
	note(&accepted);
	EXPECT(mrpc_dispatch_loop(set) == ENXIO);
	mrpc_dispatcher_remove(set);
	return NULL;
}

int main(void)
{
	set_t *servers, *clients, *alone;
	pthread_t thread;
	conn_t *conn;
	char *port = NULL;

	EXPECT(mrpc_version_code() >= (3 << 8) + (3 << 16));
	EXPECT(strcmp(mrpc_strerror(0), "Success") == 0);
	EXPECT(mrpc_conn_set_create(&servers, &server, (void *)&server) == 0);
	EXPECT(mrpc_conn_set_create(&clients, &client, NULL) == 0);
	EXPECT(mrpc_conn_set_create(&alone, &client, NULL) == 0);
	EXPECT(mrpc_set_accept_func(servers, on_accept) == 0);
	EXPECT(mrpc_set_disconnect_func(servers, on_disconnect) == 0);
	EXPECT(mrpc_set_disconnect_func(clients, on_disconnect) == 0);
	EXPECT(mrpc_set_disconnect_func(alone, on_disconnect) == 0);
	EXPECT(mrpc_set_ioerr_func(servers, on_ioerr) == 0);
	EXPECT(mrpc_set_ioerr_func(clients, on_ioerr) == 0);
	EXPECT(mrpc_set_max_buf_len(servers, 100000) == 0);
	EXPECT(mrpc_set_listen_backlog(servers, 5) == 0);
	EXPECT(mrpc_set_accept_backoff(servers, 500) == 0);
	EXPECT(mrpc_set_keepalive_enabled(clients, 1) == 0);
	EXPECT(mrpc_set_keepalive_parameters(clients, 60, 5, 10) == 0);
	EXPECT(mrpc_start_dispatch_thread(clients) == 0);
	EXPECT(pthread_create(&thread, NULL, loop, servers) == 0);
	await(&accepted, 1);
	EXPECT(mrpc_listen(servers, AF_INET, "127.0.0.1", &port) == 0);
	EXPECT(mrpc_conn_create(&conn, clients, NULL) == 0);
	EXPECT(mrpc_conn_set_operations(conn, &client, &client) == 0);
	EXPECT(mrpc_connect(conn, AF_INET, "127.0.0.1", port) == 0);
	await(&accepted, 2);
	use(&client, conn);
	use(&server, accepted_conn);
	by_hand(alone);
	mrpc_conn_ref(conn);
	mrpc_conn_unref(conn);
	EXPECT(mrpc_conn_close(conn) == 0);
	EXPECT(mrpc_conn_close(conn) == EALREADY);
	await(&ends, 3);
	mrpc_conn_unref(conn);
	mrpc_conn_unref(accepted_conn);
	mrpc_listen_close(servers);
	mrpc_conn_set_ref(servers);
	mrpc_conn_set_unref(servers);
	mrpc_conn_set_unref(servers);
	mrpc_conn_set_unref(clients);
	mrpc_conn_set_unref(alone);
	pthread_join(thread, NULL);
	free(port);
	return 0;
}
