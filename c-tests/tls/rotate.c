/* NEEDS: additions tls openssl */
/* MODES: plain asan (memcheck takes what the ciphers have written for uninitialised) */
/* LIBS: -lminirpc-tls */
/* PROTO: test.mx */
/* TIMEOUT: 60 */
/* Certificates and authorities change while connections come and go: none of them fails, those
 * that exist go on, and later ones have what is set. */
#include "tls.h"
#include "accept.h"
#include "handlers.h"

#include "test_client.h"

#include <stdatomic.h>

enum { THREADS = 4, CHANGES = 60 };

static char *port;
static struct mrpc_conn_set *server_set;
static atomic_bool over;
static atomic_long connections;

static const struct test_server_operations ops = { .ping = answer_ping };

static struct mrpc_conn_set *client_set(const char *ca)
{
	struct mrpc_tls *tls = tls_new("client", ca);
	struct mrpc_conn_set *set;

	REQUIRE_EQ(mrpc_conn_set_create(&set, test_client, NULL), 0);
	probe_watch(set);
	TLS_OK(tls, mrpc_set_tls(set, tls));
	mrpc_tls_unref(tls);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	return set;
}

/* Connects and calls, again and again. */
static void *come_and_go(void *arg)
{
	struct mrpc_conn_set *set = arg;
	struct mrpc_connection *conn;
	struct probe probe;
	char text[256];
	int i, code;

	while (!over) {
		probe_init(&probe);
		REQUIRE_EQ(mrpc_conn_create(&conn, set, &probe), 0);
		code = mrpc_connect(conn, AF_INET, "localhost", port);
		mrpc_conn_get_error(conn, text, sizeof(text));
		if (!CHECK_MSG(code == 0, "connect: %s", text))
			break;
		for (i = 0; i < 20; i++)
			CHECK_EQ(test_ping(conn), MINIRPC_OK);
		CHECK_EQ(mrpc_conn_close(conn), 0);
		COUNTER_WAIT(&probe.disconnects, 1);
		mrpc_conn_unref(conn);
		atomic_fetch_add(&connections, 1);
	}
	return NULL;
}

int main(void)
{
	static const char *const identities[] = { "p256", "ed25519", "stranger", "p384" };
	struct mrpc_conn_set *set = client_set("both.pem");
	struct mrpc_connection *conn;
	struct probe probe;
	pthread_t threads[THREADS];
	struct mrpc_tls *tls;
	long seen;
	int i;

	probe_init(&probe);
	server_set = accept_open(accept_and_drop, &ops);
	tls_mutual(server_set, true);
	REQUIRE_EQ(mrpc_start_dispatch_thread(server_set), 0);
	REQUIRE_EQ(mrpc_set_listen_backlog(server_set, 128), 0);
	REQUIRE_EQ(mrpc_listen(server_set, AF_INET, "127.0.0.1", &port), 0);

	SECTION("changed under load");
	REQUIRE_EQ(mrpc_conn_create(&conn, set, &probe), 0);
	REQUIRE_EQ(mrpc_connect(conn, AF_INET, "localhost", port), 0);
	for (i = 0; i < THREADS; i++)
		threads[i] = thread_start(come_and_go, set);
	for (i = 0; i < CHANGES; i++) {
		tls = tls_new(identities[i % 4], i % 2 ? "ca.pem" : "both.pem");
		TLS_OK(tls, mrpc_tls_set_peer_check(tls, i % 3));
		TLS_OK(tls, mrpc_set_tls(server_set, tls));
		mrpc_tls_unref(tls);
		seen = connections;
		WAIT_FOR(connections > seen);
		CHECK_EQ(test_ping(conn), MINIRPC_OK);
	}
	over = true;
	for (i = 0; i < THREADS; i++)
		thread_join(threads[i]);
	CHECK(connections >= CHANGES);

	SECTION("the connection that was made first still is what it was");
	CHECK_EQ(test_ping(conn), MINIRPC_OK);
	CHECK_EQ(mrpc_conn_check_peer_name(conn, "localhost"), 0);
	CHECK_EQ(mrpc_conn_close(conn), 0);
	COUNTER_WAIT(&probe.disconnects, 1);
	mrpc_conn_unref(conn);

	SECTION("a later one has what was set last");
	tls = tls_new("stranger", "ca.pem");
	TLS_OK(tls, mrpc_set_tls(server_set, tls));
	mrpc_tls_unref(tls);
	mrpc_conn_set_unref(set);
	set = client_set("ca.pem");
	REQUIRE_EQ(mrpc_conn_create(&conn, set, &probe), 0);
	CHECK_EQ(mrpc_connect(conn, AF_INET, "localhost", port), EPROTO);
	mrpc_conn_unref(conn);
	mrpc_conn_set_unref(set);
	mrpc_listen_close(server_set);
	mrpc_conn_set_unref(server_set);
	free(port);
	return tap_done();
}
