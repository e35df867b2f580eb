/* PROTO: test.mx */
/* The setters work after the dispatch thread has started and connections are
 * up; a maximum of UINT_MAX is one. */
#include "extra_rt.h"

#include <limits.h>

static struct counter old_calls = COUNTER_INIT, new_calls = COUNTER_INIT;
static struct counter new_ioerrs = COUNTER_INIT;

static void old_disconnect(void *data, enum mrpc_disc_reason reason)
{
	(void)data;
	(void)reason;
	counter_add(&old_calls, 1);
}

static void new_disconnect(void *data, enum mrpc_disc_reason reason)
{
	(void)data;
	(void)reason;
	counter_add(&new_calls, 1);
}

static void new_ioerr(void *data, char *message)
{
	(void)data;
	(void)message;
	counter_add(&new_ioerrs, 1);
}

static mrpc_status_t echo(void *data, struct mrpc_message *msg, blob *in, blob *out)
{
	(void)data;
	(void)msg;
	*out = *in;
	in->blob_val = NULL;
	in->blob_len = 0;
	return MINIRPC_OK;
}

static const struct test_server_operations ops = { .echo = echo };

static void echo_of(struct mrpc_connection *conn, unsigned len, mrpc_status_t want)
{
	blob in = { len, calloc(1, len) }, *out = NULL;

	in.blob_val[len - 1] = 'x';
	CHECK_EQ(test_echo(conn, &in, &out), want);
	CHECK_EQ(out != NULL, want == MINIRPC_OK);
	if (out != NULL) {
		CHECK_EQ(out->blob_len, len);
		CHECK_MEM(out->blob_val, in.blob_val, len);
	}
	free_blob(out, 1);
	free(in.blob_val);
}

int main(void)
{
	struct pair p;

	pair_open(&p, PAIR_TCP, test_client, test_server);
	REQUIRE_EQ(test_server_set_operations(p.server, &ops), 0);
	REQUIRE_EQ(mrpc_set_disconnect_func(p.client_set, old_disconnect), 0);

	SECTION("the default maximum: over it, the encoding error");
	echo_of(p.client, 16384 - 4, MINIRPC_OK);
	echo_of(p.client, 16384, MINIRPC_ENCODING_ERR);
	COUNTER_WAIT(&p.server_probe.ioerrs, 1);
	SECTION("UINT_MAX, on a connection that is up");
	CHECK_EQ(mrpc_set_max_buf_len(p.server_set, UINT_MAX), 0);
	CHECK_EQ(mrpc_set_max_buf_len(p.client_set, UINT_MAX), 0);
	echo_of(p.client, 3000000, MINIRPC_OK);
	SECTION("smaller again");
	CHECK_EQ(mrpc_set_max_buf_len(p.client_set, 100), 0);
	CHECK_EQ(mrpc_set_ioerr_func(p.client_set, new_ioerr), 0);
	echo_of(p.client, 200, MINIRPC_ENCODING_ERR);
	COUNTER_WAIT(&new_ioerrs, 1);
	CHECK_EQ(counter_get(&p.client_probe.ioerrs), 0);
	SECTION("the disconnect function at the time of the disconnect");
	CHECK_EQ(mrpc_set_disconnect_func(p.client_set, new_disconnect), 0);
	CHECK_EQ(mrpc_conn_close(p.client), 0);
	COUNTER_WAIT(&new_calls, 1);
	CHECK_EQ(counter_get(&old_calls), 0);
	COUNTER_WAIT(&p.server_probe.disconnects, 1);
	pair_unref(&p);
	return tap_done();
}
