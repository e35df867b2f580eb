/* A program that speaks TLS, as the client of ours and as its server: calls are made and answered
 * by their bytes, then the connection ends as it should. */
#ifndef PEERS_H
#define PEERS_H

#include "program.h"
#include "accept.h"
#include "handlers.h"

#include "test_client.h"

static struct mrpc_tls_info info;

static const struct test_server_operations ops = { .add = answer_add };

static void *note_accept(void *ops, struct mrpc_connection *conn, struct sockaddr *from,
			 socklen_t len)
{
	info.size = sizeof(info);
	CHECK_EQ(mrpc_conn_get_tls(conn, &info), 0);
	return accept_and_keep(ops, conn, from, len);
}

/* A call, by its bytes, and its reply. */
static void call_raw(int fd)
{
	unsigned char in[8], out[4];

	put_u32(in, 40);
	put_u32(in + 4, 2);
	put_u32(out, 42);
	peer_send(fd, 7, MINIRPC_PENDING, 2, in, sizeof(in));
	PEER_EXPECT(fd, 7, MINIRPC_OK, 2, out, sizeof(out));
}

static void large_call_raw(int fd)
{
	/* One that does not decode. */
	char *data = calloc(1, 16000);

	peer_send(fd, 8, MINIRPC_PENDING, 3, data, 16000);
	PEER_EXPECT(fd, 8, MINIRPC_ENCODING_ERR, 3, NULL, 0);
	free(data);
}

static struct mrpc_conn_set *serve(const char *identity, bool resumption, char **port)
{
	struct mrpc_tls *tls = tls_new(identity, "ca.pem");
	struct mrpc_conn_set *set = accept_open(note_accept, &ops);

	TLS_OK(tls, mrpc_tls_set_peer_check(tls, MRPC_TLS_PEER_OPTIONAL));
	TLS_OK(tls, mrpc_tls_set_resumption(tls, resumption));
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	TLS_OK(tls, mrpc_set_tls(set, tls));
	mrpc_tls_unref(tls);
	*port = NULL;
	REQUIRE_EQ(mrpc_listen(set, AF_INET, "127.0.0.1", port), 0);
	return set;
}

/* A client of that command: %s is the port. `ends`: how its end is to be seen. */
static void client(const char *identity, const char *command, int version, bool resumption,
		   enum mrpc_disc_reason ends)
{
	struct mrpc_conn_set *set;
	struct program p;
	struct words w;
	char *port;

	set = serve(identity, resumption, &port);
	p = program_start(words(&w, command, port));
	if (COUNTER_WAIT(&accepted, 1)) {
		CHECK_EQ(info.version, version);
		call_raw(p.fd);
		large_call_raw(p.fd);
		call_raw(p.fd);
		/* Its input ends: so does its side of the connection. */
		shutdown(p.fd, SHUT_WR);
		if (!COUNTER_WAIT(&server_probe.disconnects, 1))
			kill(p.pid, SIGKILL);
		CHECK_EQ(server_probe.reason, ends);
		mrpc_conn_unref(server);
	}
	program_join(&p);
	mrpc_listen_close(set);
	mrpc_conn_set_unref(set);
	free(port);
}

static mrpc_status_t sum(struct mrpc_connection *conn, int *result)
{
	operands in = { 40, 2 };
	number *out = NULL;
	mrpc_status_t status = test_add(conn, &in, &out);

	if (status == MINIRPC_OK) {
		*result = *out;
		free_number(out, 1);
	}
	return status;
}

struct caller {
	struct mrpc_connection *conn;
	int result;
};

static void *call(void *arg)
{
	struct caller *c = arg;

	return (void *)(intptr_t)sum(c->conn, &c->result);
}

/* A server of that command: %s is the port. */
static void serve_us(const char *identity, const char *command, int version)
{
	struct mrpc_tls *tls = tls_new(identity, "ca.pem");
	struct mrpc_tls_info ours = { .size = sizeof(ours) };
	struct mrpc_conn_set *set;
	struct caller caller = { NULL, 0 };
	struct program p;
	struct probe probe;
	struct words w;
	pthread_t thread;
	unsigned char in[8], out[4];
	struct frame request;
	char port[8], byte;
	char why[256];
	int code;

	free_port(port);
	p = program_start(words(&w, command, port));
	probe_init(&probe);
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_client, NULL), 0);
	probe_watch(set);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	TLS_OK(tls, mrpc_set_tls(set, tls));
	mrpc_tls_unref(tls);
	REQUIRE_EQ(mrpc_conn_create(&caller.conn, set, &probe), 0);
	code = connect_when_there(caller.conn, "localhost", port);
	CHECK_EQ(mrpc_conn_get_error(caller.conn, why, sizeof(why)), 0);
	if (CHECK_MSG(code == 0, "%s: %s", command, why)) {
		CHECK_EQ(mrpc_conn_get_tls(caller.conn, &ours), 0);
		CHECK_EQ(ours.version, version);
		put_u32(in, 40);
		put_u32(in + 4, 2);
		put_u32(out, 42);
		thread = thread_start(call, &caller);
		peer_recv(p.fd, &request);
		CHECK_EQ(request.cmd, 2);
		CHECK_EQ(request.len, sizeof(in));
		CHECK_MEM(request.data, in, sizeof(in));
		free(request.data);
		peer_send(p.fd, request.seq, MINIRPC_OK, 2, out, sizeof(out));
		CHECK_EQ((intptr_t)thread_join(thread), MINIRPC_OK);
		CHECK_EQ(caller.result, 42);
		/* We say that it is the end: so its output ends, too. */
		CHECK_EQ(mrpc_conn_close(caller.conn), 0);
		COUNTER_WAIT(&probe.disconnects, 1);
		CHECK_EQ(counter_get(&probe.ioerrs), 0);
		CHECK_EQ(recv(p.fd, &byte, 1, 0), 0);
	}
	program_stop(&p);
	mrpc_conn_unref(caller.conn);
	mrpc_conn_set_unref(set);
}

#endif
