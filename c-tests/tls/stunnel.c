/* NEEDS: additions tls openssl stunnel */
/* MODES: plain asan (memcheck takes what the ciphers have written for uninitialised) */
/* LIBS: -lminirpc-tls */
/* PROTO: test.mx */
/* A plain peer, as of 0.3.3, with stunnel in front of it, in both directions. */
#include "program.h"
#include "accept.h"
#include "handlers.h"

#include "test_client.h"

static struct probe client_probe;

static const struct test_server_operations ops = { .echo = answer_echo };

static struct program tunnel(const char *near, const char *far, const char *more)
{
	char path[512];
	struct words w;
	FILE *file;

	snprintf(path, sizeof(path), "%s/stunnel.conf", getenv("TEST_SCRATCH"));
	file = fopen(path, "w");
	REQUIRE(file != NULL);
	fprintf(file, "foreground = quiet\npid =\n[minirpc]\naccept = 127.0.0.1:%s\n"
		"connect = 127.0.0.1:%s\n%s", near, far, more);
	fclose(file);
	return program_start(words(&w, "stunnel %s", path));
}

static void run(bool client_is_plain)
{
	struct mrpc_conn_set *client_set, *server_set;
	struct mrpc_connection *conn;
	struct program p;
	char more[2048], near[8], *far = NULL;
	blob in = { 15000, calloc(1, 15000) }, *out = NULL;
	int i;

	probe_init(&client_probe);
	REQUIRE_EQ(mrpc_conn_set_create(&client_set, test_client, NULL), 0);
	server_set = accept_open(accept_and_keep, &ops);
	probe_watch(client_set);
	REQUIRE_EQ(mrpc_start_dispatch_thread(client_set), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(server_set), 0);
	tls_mutual(client_is_plain ? server_set : client_set, client_is_plain);
	REQUIRE_EQ(mrpc_listen(server_set, AF_INET, "127.0.0.1", &far), 0);
	free_port(near);
	snprintf(more, sizeof(more), "client = %s\ncert = %s\nkey = %s\nCAfile = %s\nverifyChain = yes\n",
		 client_is_plain ? "yes" : "no", cert(client_is_plain ? "client.pem" : "p256.pem"),
		 cert(client_is_plain ? "client.key" : "p256.key"), cert("ca.pem"));
	p = tunnel(near, far, more);
	REQUIRE_EQ(mrpc_conn_create(&conn, client_set, &client_probe), 0);
	REQUIRE_EQ(connect_when_there(conn, "127.0.0.1", near), 0);
	REQUIRE(COUNTER_WAIT(&accepted, 1));
	for (i = 0; i < 100; i++) {
		REQUIRE_EQ(test_echo(conn, &in, &out), MINIRPC_OK);
		CHECK_EQ(out->blob_len, in.blob_len);
		free_blob(out, 1);
	}
	CHECK_EQ(mrpc_conn_close(conn), 0);
	COUNTER_WAIT(&client_probe.disconnects, 1);
	COUNTER_WAIT(&server_probe.disconnects, 1);
	CHECK_EQ(server_probe.reason, MRPC_DISC_CLOSED);
	CHECK_EQ(counter_get(&client_probe.ioerrs) + counter_get(&server_probe.ioerrs), 0);
	mrpc_conn_unref(conn);
	mrpc_conn_unref(server);
	mrpc_listen_close(server_set);
	mrpc_conn_set_unref(client_set);
	mrpc_conn_set_unref(server_set);
	program_stop(&p);
	free(in.blob_val);
	free(far);
}

int main(void)
{
	SECTION("a plain client");
	run(true);
	SECTION("a plain server");
	run(false);
	return tap_done();
}
