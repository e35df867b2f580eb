/* NEEDS: additions tls openssl */
/* MODES: plain (memory of the checkers is not ours) */
/* LIBS: -lminirpc-tls */
/* PROTO: test.mx */
/* What an idle connection holds, also after it has carried much. */
#include "tls.h"
#include "accept.h"

#include "test_client.h"

enum { CONNECTIONS = 300, BOUND = 24 * 1024 };

static mrpc_status_t echo(void *data, struct mrpc_message *msg, blob *in, blob *out)
{
	(void)data;
	(void)msg;
	out->blob_len = in->blob_len;
	out->blob_val = calloc(1, in->blob_len + 1);
	return MINIRPC_OK;
}

static const struct test_server_operations ops = { .echo = echo };

static void carry(struct mrpc_connection *conn, u_int len)
{
	blob in = { len, calloc(1, len) }, *out = NULL;

	REQUIRE_EQ(test_echo(conn, &in, &out), MINIRPC_OK);
	free_blob(out, 1);
	free(in.blob_val);
}

int main(void)
{
	static struct mrpc_connection *conns[CONNECTIONS];
	struct mrpc_conn_set *client_set, *server_set;
	struct probe probe;
	char *port = NULL;
	long before, idle, after;
	int i;

	probe_init(&probe);
	REQUIRE_EQ(mrpc_conn_set_create(&client_set, test_client, NULL), 0);
	server_set = accept_open(accept_and_drop, &ops);
	probe_watch(client_set);
	tls_mutual(client_set, false);
	tls_mutual(server_set, true);
	REQUIRE_EQ(mrpc_set_max_buf_len(client_set, 1 << 20), 0);
	REQUIRE_EQ(mrpc_set_max_buf_len(server_set, 1 << 20), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(client_set), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(server_set), 0);
	REQUIRE_EQ(mrpc_listen(server_set, AF_INET, "127.0.0.1", &port), 0);

	SECTION("idle");
	before = 0;
	for (i = 0; i < CONNECTIONS; i++) {
		REQUIRE_EQ(mrpc_conn_create(&conns[i], client_set, &probe), 0);
		REQUIRE_EQ(mrpc_connect(conns[i], AF_INET, "localhost", port), 0);
		carry(conns[i], 100);
		/* The first ones pay for what all of them share. */
		if (i == 20)
			before = rss_bytes();
	}
	idle = (rss_bytes() - before) / (CONNECTIONS - 21);
	CHECK_MSG(idle < 2 * BOUND, "%ld bytes for both ends of a connection", idle);

	SECTION("and after a burst");
	for (i = 0; i < CONNECTIONS; i++)
		carry(conns[i], 300000);
	after = (rss_bytes() - before) / (CONNECTIONS - 21);
	CHECK_MSG(after < 2 * BOUND, "%ld bytes for both ends of a connection", after);
	printf("# %ld bytes for both ends of a connection, %ld after a burst\n", idle, after);

	for (i = 0; i < CONNECTIONS; i++) {
		CHECK_EQ(mrpc_conn_close(conns[i]), 0);
		mrpc_conn_unref(conns[i]);
	}
	mrpc_listen_close(server_set);
	mrpc_conn_set_unref(client_set);
	mrpc_conn_set_unref(server_set);
	free(port);
	return tap_done();
}
