/* NEEDS: additions tls openssl gnutls-serv */
/* MODES: plain asan (memcheck takes what the ciphers have written for uninitialised) */
/* LIBS: -lminirpc-tls */
/* PROTO: test.mx */
/* GnuTLS's server, to which our client speaks: with both versions of TLS and keys of each kind. It
 * answers lines of text only, so that calls go to it and have no answer. It listens on all addresses,
 * so that it has a network of its own. */
#define _GNU_SOURCE
#include "netns.h"
#include "program.h"

#include "test_client.h"

static struct mrpc_conn_set *set;

static struct mrpc_conn_set *set_up(const char *identity)
{
	struct mrpc_tls *tls = tls_new(identity, "ca.pem");

	TLS_OK(tls, mrpc_tls_set_resumption(tls, true));
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_client, NULL), 0);
	probe_watch(set);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	TLS_OK(tls, mrpc_set_tls(set, tls));
	mrpc_tls_unref(tls);
	return set;
}

/* One connection; whether it has taken a session up again. */
static bool visit(const char *port, int version)
{
	struct mrpc_call_options options = MRPC_CALL_OPTIONS_INIT;
	struct mrpc_tls_info info = { .size = sizeof(info) };
	struct mrpc_connection *conn;
	struct probe probe;
	operands in = { 40, 2 };
	number *out;
	blob large = { 100000, calloc(1, 100000) };
	char why[256];
	int code;

	probe_init(&probe);
	REQUIRE_EQ(mrpc_conn_create(&conn, set, &probe), 0);
	code = connect_when_there(conn, "localhost", port);
	CHECK_EQ(mrpc_conn_get_error(conn, why, sizeof(why)), 0);
	if (!CHECK_MSG(code == 0, "connect: %s", why))
		tap_abort();
	CHECK_EQ(mrpc_conn_get_tls(conn, &info), 0);
	CHECK_EQ(info.version, version);
	/* All of it is taken, and what it says of its own accord, tickets, is no message. */
	CHECK_EQ(test_push(conn, &large), MINIRPC_OK);
	options.timeout_ms = 50;
	CHECK_EQ(test_add_with(conn, &options, &in, &out), MINIRPC_TIMEDOUT);
	CHECK_EQ(counter_get(&probe.disconnects), 0);
	CHECK_EQ(mrpc_conn_close(conn), 0);
	COUNTER_WAIT(&probe.disconnects, 1);
	CHECK_EQ(probe.reason, MRPC_DISC_USER);
	CHECK_EQ(counter_get(&probe.ioerrs), 0);
	mrpc_conn_unref(conn);
	free(large.blob_val);
	return info.resumed;
}

static void serve_us(const char *ours, const char *identity, int version, const char *more)
{
	struct program p;
	struct words w;
	char port[8];

	free_port(port);
	p = program_start(words(&w, "gnutls-serv --quiet --echo --port=%s --alpn=minirpc "
				"--alpn-fatal --x509certfile=@%s.pem --x509keyfile=@%s.key "
				"--priority=NORMAL:-VERS-ALL:+VERS-TLS1.%d %s", port, identity,
				identity, version - 0x0301, more));
	set_up(ours);
	CHECK(!visit(port, version));
	/* As soon as one has come, that is: not before it has answered us. */
	WAIT_FOR(visit(port, version));
	mrpc_conn_set_unref(set);
	program_stop(&p);
}

int main(void)
{
	static const char *const keys[] = { "rsa", "p256", "ed25519" };
	int version;
	size_t i;

	signal(SIGPIPE, SIG_IGN);
	if (!netns_enter())
		tap_skip("no network namespaces for this user");
	for (version = 0x0303; version <= 0x0304; version++) {
		for (i = 0; i < 3; i++) {
			SECTION("TLS 1.%d, its key is %s", version - 0x0301, keys[i]);
			serve_us(NULL, keys[i], version, "--disable-client-cert");
		}
		SECTION("TLS 1.%d, certificates on both sides", version - 0x0301);
		serve_us("client", "p256", version,
			 "--require-client-cert --verify-client-cert --x509cafile=@ca.pem");
	}
	return tap_done();
}
