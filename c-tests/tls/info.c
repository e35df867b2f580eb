/* NEEDS: additions tls openssl */
/* MODES: plain asan (memcheck takes what the ciphers have written for uninitialised) */
/* LIBS: -lminirpc-tls */
/* PROTO: test.mx */
/* What can be known of a connection and its peer; identities of each kind, chains, resumption. */
#include "tls.h"
#include "accept.h"
#include "handlers.h"

#include "test_client.h"

static char *port;
static struct mrpc_conn_set *client_set, *server_set;
static struct probe client_probe;

static const struct test_server_operations ops = { .ping = answer_ping };

/* All of it can be asked for in the accept function. */
static void *note_accept(void *ops, struct mrpc_connection *conn, struct sockaddr *from,
			 socklen_t len)
{
	struct mrpc_tls_info info = { .size = sizeof(info) };

	CHECK_EQ(mrpc_conn_get_tls(conn, &info), 0);
	CHECK(info.version == 0x0304);
	return accept_and_keep(ops, conn, from, len);
}

static void set_up(struct mrpc_conn_set *set, const char *identity, const char *ca, int check,
		   bool resumption)
{
	struct mrpc_tls *tls = tls_new(identity, ca);

	TLS_OK(tls, mrpc_tls_set_peer_check(tls, check));
	TLS_OK(tls, mrpc_tls_set_resumption(tls, resumption));
	TLS_OK(tls, mrpc_set_tls(set, tls));
	mrpc_tls_unref(tls);
}

static struct mrpc_connection *connect_to(const char *host, int expected)
{
	struct mrpc_connection *conn;
	char text[256];
	int code;

	probe_init(&client_probe);
	accept_anew();
	REQUIRE_EQ(mrpc_conn_create(&conn, client_set, &client_probe), 0);
	code = mrpc_connect(conn, AF_INET, host, port);
	CHECK_EQ(mrpc_conn_get_error(conn, text, sizeof(text)), 0);
	CHECK_MSG(code == expected, "%s: %d, and not %d: %s", host ? host : "NULL", code, expected,
		  text);
	if (code == 0) {
		REQUIRE(COUNTER_WAIT(&accepted, 1));
		CHECK_EQ(test_ping(conn), MINIRPC_OK);
	}
	return conn;
}

static void end(struct mrpc_connection *conn)
{
	if (mrpc_conn_close(conn) == 0) {
		COUNTER_WAIT(&client_probe.disconnects, 1);
		COUNTER_WAIT(&server_probe.disconnects, 1);
		CHECK_MSG(server_probe.reason == MRPC_DISC_CLOSED, "reason %d: %s", server_probe.reason,
			  server_probe.text);
		mrpc_conn_unref(server);
	}
	mrpc_conn_unref(conn);
}

static void name(const char *host, int expected)
{
	end(connect_to(host, expected));
}

int main(void)
{
	static const char *const identities[] = { "rsa", "p256", "p384", "ed25519", "deep-chain" };
	static const char *const clients[] = { "client", "client-rsa", "client-ed25519",
		"deep-client-chain" };
	struct { struct mrpc_tls_info known; char later[8]; } longer;
	struct mrpc_tls_info info = { .size = sizeof(info) };
	struct mrpc_connection *conn;
	unsigned char der[4096];
	struct leaks leaks;
	char *first_port;
	struct mrpc_tls *tls;
	size_t len, i;

	leaks_begin(&leaks);
	REQUIRE_EQ(mrpc_conn_set_create(&client_set, test_client, NULL), 0);
	server_set = accept_open(note_accept, &ops);
	probe_watch(client_set);
	REQUIRE_EQ(mrpc_start_dispatch_thread(client_set), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(server_set), 0);
	set_up(server_set, "p256", "ca.pem", MRPC_TLS_PEER_OPTIONAL, false);
	set_up(client_set, NULL, "ca.pem", MRPC_TLS_PEER_NONE, false);
	REQUIRE_EQ(mrpc_listen(server_set, AF_INET, "127.0.0.1", &port), 0);

	SECTION("what a connection has come to");
	REQUIRE_EQ(mrpc_conn_create(&conn, client_set, NULL), 0);
	len = 0;
	CHECK_EQ(mrpc_conn_get_tls(conn, &info), ENOTCONN);
	CHECK_EQ(mrpc_conn_get_peer_certificate(conn, NULL, &len), ENOTCONN);
	CHECK_EQ(mrpc_conn_check_peer_name(conn, "localhost"), ENOTCONN);
	mrpc_conn_unref(conn);
	conn = connect_to("localhost", 0);
	CHECK_EQ(mrpc_conn_get_tls(conn, &info), 0);
	CHECK_EQ(info.size, sizeof(info));
	CHECK_EQ(info.version, 0x0304);
	CHECK_EQ(info.resumed, 0);
	CHECK_STR(info.sni, "localhost");
	CHECK(strncmp(info.suite, "TLS13_", 6) == 0);
	CHECK_EQ(mrpc_conn_get_tls(server, &info), 0);
	CHECK_STR(info.sni, "localhost");
	memset(&longer, 0xff, sizeof(longer));
	longer.known.size = sizeof(longer);
	CHECK_EQ(mrpc_conn_get_tls(conn, &longer.known), 0);
	CHECK_EQ(longer.known.size, sizeof(info));
	CHECK_EQ(longer.later[0], 0);
	info.size--;
	CHECK_EQ(mrpc_conn_get_tls(conn, &info), EINVAL);
	info.size = sizeof(info);

	SECTION("the peer's certificate, and its names");
	CHECK_EQ(mrpc_conn_get_peer_certificate(conn, NULL, &len), ERANGE);
	CHECK(len > 100 && len < sizeof(der));
	i = len - 1;
	CHECK_EQ(mrpc_conn_get_peer_certificate(conn, der, &i), ERANGE);
	CHECK_EQ(i, len);
	i = sizeof(der);
	CHECK_EQ(mrpc_conn_get_peer_certificate(conn, NULL, &i), EINVAL);
	CHECK_EQ(mrpc_conn_get_peer_certificate(conn, der, &i), 0);
	CHECK_EQ(i, len);
	CHECK_EQ(der[0], 0x30);
	CHECK_EQ(mrpc_conn_check_peer_name(conn, "localhost"), 0);
	CHECK_EQ(mrpc_conn_check_peer_name(conn, "127.0.0.1"), 0);
	CHECK_EQ(mrpc_conn_check_peer_name(conn, "other.example"), EACCES);
	CHECK_EQ(mrpc_conn_check_peer_name(conn, ""), EINVAL);
	CHECK_EQ(mrpc_conn_check_peer_name(conn, NULL), EINVAL);

	SECTION("of a client that has none");
	i = sizeof(der);
	CHECK_EQ(mrpc_conn_get_peer_certificate(server, der, &i), ENOENT);
	CHECK_EQ(mrpc_conn_check_peer_name(server, "client.example"), ENOENT);

	SECTION("they stay until the handle goes");
	CHECK_EQ(mrpc_conn_close(conn), 0);
	COUNTER_WAIT(&client_probe.disconnects, 1);
	COUNTER_WAIT(&server_probe.disconnects, 1);
	CHECK_EQ(mrpc_conn_check_peer_name(conn, "localhost"), 0);
	CHECK_EQ(mrpc_conn_get_tls(server, &info), 0);
	mrpc_conn_unref(conn);
	mrpc_conn_unref(server);

	SECTION("by which name: names, addresses, as getaddrinfo takes them");
	name(NULL, 0);
	name("localhost", 0);
	name("127.0.0.1", 0);
	name("127.1", 0);
	name("0x7f.0.0.1", 0);
	/* Its certificate is for localhost and 127.0.0.1: no other address will do. */
	first_port = port;
	port = NULL;
	REQUIRE_EQ(mrpc_listen(server_set, AF_INET, "127.0.0.2", &port), 0);
	name("127.0.0.2", EPROTO);
	name("127.2", EPROTO);
	free(port);
	port = first_port;
	tls = tls_new(NULL, "ca.pem");
	TLS_OK(tls, mrpc_tls_set_server_name(tls, "127.0.0.1"));
	TLS_OK(tls, mrpc_set_tls(client_set, tls));
	name("localhost", 0);
	TLS_OK(tls, mrpc_tls_set_server_name(tls, "other.example"));
	name("localhost", 0);
	TLS_OK(tls, mrpc_set_tls(client_set, tls));
	name("localhost", EPROTO);
	mrpc_tls_unref(tls);
	set_up(server_set, "wrong-name", NULL, MRPC_TLS_PEER_NONE, false);
	tls = tls_new(NULL, "ca.pem");
	TLS_OK(tls, mrpc_tls_set_server_name(tls, "a.wild.example"));
	TLS_OK(tls, mrpc_set_tls(client_set, tls));
	name("localhost", 0);
	TLS_OK(tls, mrpc_tls_set_server_name(tls, "a.b.wild.example"));
	TLS_OK(tls, mrpc_set_tls(client_set, tls));
	name("localhost", EPROTO);
	mrpc_tls_unref(tls);
	set_up(client_set, NULL, "ca.pem", MRPC_TLS_PEER_NONE, false);

	SECTION("servers with keys of each kind, and by way of an intermediate authority");
	for (i = 0; i < sizeof(identities) / sizeof(identities[0]); i++) {
		set_up(server_set, identities[i], "ca.pem", MRPC_TLS_PEER_OPTIONAL, false);
		name("localhost", 0);
	}

	SECTION("clients likewise");
	set_up(server_set, "p256", "ca.pem", MRPC_TLS_PEER_REQUIRED, false);
	for (i = 0; i < sizeof(clients) / sizeof(clients[0]); i++) {
		set_up(client_set, clients[i], "ca.pem", MRPC_TLS_PEER_NONE, false);
		conn = connect_to("localhost", 0);
		CHECK_EQ(mrpc_conn_check_peer_name(server, "client.example"), 0);
		CHECK_EQ(mrpc_conn_check_peer_name(server, "localhost"), EACCES);
		end(conn);
	}

	SECTION("sessions are taken up again where both allow it, until the next mrpc_set_tls");
	set_up(server_set, "p256", NULL, MRPC_TLS_PEER_NONE, true);
	set_up(client_set, NULL, "ca.pem", MRPC_TLS_PEER_NONE, true);
	for (i = 0; i < 4; i++) {
		conn = connect_to("localhost", 0);
		CHECK_EQ(mrpc_conn_get_tls(conn, &info), 0);
		CHECK_EQ(info.resumed, i > 0 && i != 3);
		CHECK_EQ(mrpc_conn_get_tls(server, &info), 0);
		CHECK_EQ(info.resumed, i > 0 && i != 3);
		CHECK_EQ(mrpc_conn_check_peer_name(conn, "localhost"), 0);
		end(conn);
		if (i == 2)
			set_up(client_set, NULL, "ca.pem", MRPC_TLS_PEER_NONE, true);
	}
	set_up(client_set, NULL, "ca.pem", MRPC_TLS_PEER_NONE, false);
	for (i = 0; i < 2; i++) {
		conn = connect_to("localhost", 0);
		CHECK_EQ(mrpc_conn_get_tls(conn, &info), 0);
		CHECK_EQ(info.resumed, 0);
		end(conn);
	}

	SECTION("a late refusal: connected, then an error with the reason");
	set_up(server_set, "p256", "ca.pem", MRPC_TLS_PEER_REQUIRED, false);
	probe_init(&client_probe);
	REQUIRE_EQ(mrpc_conn_create(&conn, client_set, &client_probe), 0);
	CHECK_EQ(mrpc_connect(conn, AF_INET, "localhost", port), 0);
	CHECK_EQ(test_ping(conn), MINIRPC_NETWORK_FAILURE);
	COUNTER_WAIT(&client_probe.disconnects, 1);
	CHECK_EQ(client_probe.reason, MRPC_DISC_IOERR);
	CHECK_EQ(counter_get(&client_probe.ioerrs), 1);
	CHECK_STR(client_probe.text, "the server refuses: it requires a certificate of us");
	mrpc_conn_unref(conn);

	SECTION("and so with much under way");
	probe_init(&client_probe);
	REQUIRE_EQ(mrpc_conn_create(&conn, client_set, &client_probe), 0);
	CHECK_EQ(mrpc_connect(conn, AF_INET, "localhost", port), 0);
	{
		blob in = { 60000, calloc(1, 60000) };

		test_push(conn, &in);
		free(in.blob_val);
	}
	COUNTER_WAIT(&client_probe.disconnects, 1);
	CHECK_STR(client_probe.text, "the server refuses: it requires a certificate of us");
	mrpc_conn_unref(conn);

	SECTION("plain connections");
	CHECK_EQ(mrpc_set_tls(server_set, NULL), 0);
	CHECK_EQ(mrpc_set_tls(client_set, NULL), 0);
	REQUIRE_EQ(mrpc_conn_create(&conn, client_set, &client_probe), 0);
	CHECK_EQ(mrpc_connect(conn, AF_UNIX, "/nowhere", ""), ENOENT);
	mrpc_conn_unref(conn);

	SECTION("a socket without a name needs one that was set, before a byte is sent");
	set_up(client_set, NULL, "ca.pem", MRPC_TLS_PEER_NONE, false);
	{
		int fds[2];
		char byte;

		REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
		REQUIRE_EQ(mrpc_conn_create(&conn, client_set, &client_probe), 0);
		CHECK_EQ(mrpc_bind_fd(conn, fds[0]), EDESTADDRREQ);
		CHECK(recv(fds[1], &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
		mrpc_conn_unref(conn);
		close(fds[0]);
		close(fds[1]);
	}

	SECTION("and so does one of the Unix family");
	{
		char path[64];

		snprintf(path, sizeof(path), "@minirpc-tls-info-%d", (int)getpid());
		set_up(server_set, "p256", NULL, MRPC_TLS_PEER_NONE, false);
		free(port);
		port = strdup("");
		REQUIRE_EQ(mrpc_listen(server_set, AF_UNIX, path, &port), 0);
		REQUIRE_EQ(mrpc_conn_create(&conn, client_set, &client_probe), 0);
		CHECK_EQ(mrpc_connect(conn, AF_UNIX, path, ""), EDESTADDRREQ);
		tls = tls_new(NULL, "ca.pem");
		TLS_OK(tls, mrpc_tls_set_server_name(tls, "localhost"));
		TLS_OK(tls, mrpc_set_tls(client_set, tls));
		mrpc_tls_unref(tls);
		probe_init(&client_probe);
		accept_anew();
		CHECK_EQ(mrpc_connect(conn, AF_UNIX, path, ""), 0);
		REQUIRE(COUNTER_WAIT(&accepted, 1));
		CHECK_EQ(test_ping(conn), MINIRPC_OK);
		end(conn);
	}

	mrpc_listen_close(server_set);
	mrpc_conn_set_unref(client_set);
	mrpc_conn_set_unref(server_set);
	free(port);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
