/* NEEDS: additions tls openssl */
/* MODES: plain asan (memcheck takes what the ciphers have written for uninitialised) */
/* LIBS: -lminirpc-tls */
/* PROTO: test.mx */
/* docs/guide/tls.md: its code compiles, and does what it says with what its commands make. */
#include "harness.h"

#include "test_client.h"
#include "test_server.h"

#include <minirpc/tls.h>

static struct counter accepts = COUNTER_INIT;

/* As the chapter's code, which is compiled below. */
static int use_tls(struct mrpc_conn_set *set, const char *name)
{
	struct mrpc_tls *tls;
	char cert[64], key[64];

	REQUIRE_EQ(mrpc_tls_create(&tls), 0);
	snprintf(cert, sizeof(cert), "%s.pem", name);
	snprintf(key, sizeof(key), "%s.key", name);
	CHECK_EQ(mrpc_tls_set_identity(tls, cert, key), 0);
	CHECK_EQ(mrpc_tls_trust(tls, "ca.pem"), 0);
	CHECK_EQ(mrpc_tls_set_peer_check(tls, MRPC_TLS_PEER_REQUIRED), 0);
	CHECK_EQ(mrpc_set_tls(set, tls), 0);
	mrpc_tls_unref(tls);
	return 0;
}

static void *accepted(void *set_data, struct mrpc_connection *conn, struct sockaddr *from,
		      socklen_t from_len)
{
	static struct probe probe;

	(void)set_data;
	(void)from;
	(void)from_len;
	CHECK_EQ(mrpc_conn_check_peer_name(conn, "client.example"), 0);
	CHECK_EQ(mrpc_conn_check_peer_name(conn, "localhost"), EACCES);
	mrpc_conn_unref(conn);
	counter_add(&accepts, 1);
	return &probe;
}

static bool shell(const char *command)
{
	setenv("COMMAND", command, 1);
	return system("exec bash -euc \"$COMMAND\"") == 0;
}

int main(void)
{
	struct mrpc_conn_set *client, *server;
	struct mrpc_connection *conn;
	static struct probe probe;
	char *port = NULL;

	REQUIRE_EQ(chdir(getenv("TEST_SCRATCH")), 0);

	SECTION("its code compiles");
	CHECK(shell("\"$TEST_ROOT\"/scripts/guide-code \"$TEST_ROOT\"/docs/guide/tls.md .;"
		    "for file in use_tls.h who.h; do"
		    "  $TEST_CC -std=gnu11 -Wall -Wextra -Werror -I\"$TEST_ROOT\"/include -x c "
		    "-fsyntax-only $file; done"));

	SECTION("its commands make what is needed: five of them");
	CHECK(shell("sed -n '/^    openssl/,/[^\\\\]$/p' \"$TEST_ROOT\"/docs/guide/tls.md >commands;"
		    "[ $(grep -c '^    openssl' commands) -eq 5 ]; . ./commands 2>log"));

	SECTION("each side knows the other by it");
	probe_init(&probe);
	REQUIRE_EQ(mrpc_conn_set_create(&client, test_client, NULL), 0);
	REQUIRE_EQ(mrpc_conn_set_create(&server, test_server, NULL), 0);
	REQUIRE_EQ(use_tls(client, "client"), 0);
	REQUIRE_EQ(use_tls(server, "server"), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(client), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(server), 0);
	REQUIRE_EQ(mrpc_set_accept_func(server, accepted), 0);
	REQUIRE_EQ(mrpc_listen(server, AF_INET, "127.0.0.1", &port), 0);
	REQUIRE_EQ(mrpc_conn_create(&conn, client, &probe), 0);
	CHECK_EQ(mrpc_connect(conn, AF_INET, "localhost", port), 0);
	COUNTER_WAIT(&accepts, 1);
	CHECK_EQ(test_ping(conn), MINIRPC_PROCEDURE_UNAVAIL);
	CHECK_EQ(mrpc_conn_close(conn), 0);
	mrpc_conn_unref(conn);
	mrpc_listen_close(server);
	mrpc_conn_set_unref(client);
	mrpc_conn_set_unref(server);
	free(port);
	return tap_done();
}
