/* PROTO: test.mx */
/* NEEDS: additions tls openssl */
/* MODES: plain asan (memcheck takes what the ciphers have written for uninitialised) */
/* LIBS: -lminirpc-tls */
/* mrpc speaks TLS with the library, as its client and as its server. */
#include "tls.h"
#include "handlers.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test_client.h"
#include "test_server.h"

static const struct test_server_operations operations = { .add = answer_add };

static void *on_accept(void *set_data, struct mrpc_connection *conn, struct sockaddr *from,
		       socklen_t len)
{
	(void)set_data;
	(void)from;
	(void)len;
	CHECK_EQ(test_server_set_operations(conn, &operations), 0);
	return conn;
}

static void on_disconnect(void *conn, enum mrpc_disc_reason reason)
{
	/* An end without close_notify would be an error. */
	CHECK_EQ(reason, MRPC_DISC_CLOSED);
	mrpc_conn_unref(conn);
}

static const char *path(const char *below)
{
	static char paths[2][512];
	static int next;
	char *one = paths[next++ % 2];

	snprintf(one, sizeof(paths[0]), "%s/%s", getenv("TEST_ROOT"), below);
	return one;
}

/* Its exit status. */
static int shell(const char *arguments, const char *port, const char *expected)
{
	char command[2048], line[256] = "";
	FILE *out;

	snprintf(command, sizeof(command), "exec %s call 127.0.0.1:%s %s add '{\"a\":2,\"b\":3}' %s",
		 path("build/bin/mrpc"), port, path("c-tests/proto/test.mx"), arguments);
	out = popen(command, "r");
	REQUIRE(out != NULL);
	if (fgets(line, sizeof(line), out) == NULL)
		line[0] = '\0';
	CHECK_MSG(strcmp(line, expected) == 0, "%s printed %s", command, line);
	return WEXITSTATUS(pclose(out));
}

static void as_client(void)
{
	struct mrpc_tls *tls = tls_new("p256", "ca.pem");
	struct mrpc_conn_set *set;
	char *port = NULL, arguments[1600];

	SECTION("mrpc call, to a server of the library");
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_server, NULL), 0);
	TLS_OK(tls, mrpc_tls_set_peer_check(tls, MRPC_TLS_PEER_REQUIRED));
	TLS_OK(tls, mrpc_set_tls(set, tls));
	mrpc_tls_unref(tls);
	REQUIRE_EQ(mrpc_set_accept_func(set, on_accept), 0);
	REQUIRE_EQ(mrpc_set_disconnect_func(set, on_disconnect), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	REQUIRE_EQ(mrpc_listen(set, AF_INET, "127.0.0.1", &port), 0);
	snprintf(arguments, sizeof(arguments), "--tls --ca %s --cert %s --key %s", cert("ca.pem"),
		 cert("client.pem"), cert("client.key"));
	CHECK_EQ(shell(arguments, port, "5\n"), 0);
	/* Another authority than the server's. */
	snprintf(arguments, sizeof(arguments), "--tls --ca %s 2>/dev/null", cert("other-ca.pem"));
	CHECK_EQ(shell(arguments, port, ""), 2);
	mrpc_listen_close(set);
	mrpc_conn_set_unref(set);
	free(port);
}

static void as_server(void)
{
	struct mrpc_tls *tls = tls_new("client", "ca.pem");
	struct mrpc_conn_set *set;
	struct mrpc_connection *conn;
	operands in = { 2, 3 };
	number *out;
	char command[2600], line[256], port[16], answers[512];
	FILE *mock;
	int pid;

	SECTION("mrpc mock, for a client of the library");
	snprintf(answers, sizeof(answers), "%s/answers.json", getenv("TEST_SCRATCH"));
	mock = fopen(answers, "w");
	REQUIRE(mock != NULL);
	fputs("{\"add\":{\"result\":7}}", mock);
	fclose(mock);
	snprintf(command, sizeof(command),
		 "echo $$; exec %s mock 127.0.0.1:0 %s %s --tls --ca %s --cert %s --key %s",
		 path("build/bin/mrpc"), path("c-tests/proto/test.mx"), answers, cert("ca.pem"),
		 cert("p256.pem"), cert("p256.key"));
	mock = popen(command, "r");
	REQUIRE(mock != NULL);
	REQUIRE(fgets(line, sizeof(line), mock) != NULL && sscanf(line, "%d", &pid) == 1);
	REQUIRE(fgets(line, sizeof(line), mock) != NULL);
	REQUIRE(sscanf(line, "listening on 127.0.0.1:%15[0-9]", port) == 1);

	REQUIRE_EQ(mrpc_conn_set_create(&set, test_client, NULL), 0);
	TLS_OK(tls, mrpc_set_tls(set, tls));
	mrpc_tls_unref(tls);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	REQUIRE_EQ(mrpc_conn_create(&conn, set, NULL), 0);
	REQUIRE_EQ(mrpc_connect(conn, AF_INET, "127.0.0.1", port), 0);
	REQUIRE_EQ(test_add(conn, &in, &out), MINIRPC_OK);
	CHECK_EQ(*out, 7);
	free_number(out, 1);
	CHECK_EQ(test_ping(conn), MINIRPC_PROCEDURE_UNAVAIL);
	mrpc_conn_close(conn);
	mrpc_conn_unref(conn);
	mrpc_conn_set_unref(set);
	kill(pid, SIGTERM);
	while (fgets(line, sizeof(line), mock) != NULL)
		;
	CHECK_EQ(WEXITSTATUS(pclose(mock)), 0);
}

int main(void)
{
	pair_transport = NULL;
	if (access(path("build/bin/mrpc"), X_OK) != 0)
		tap_skip("there is no build/bin/mrpc");
	as_client();
	as_server();
	return tap_done();
}
