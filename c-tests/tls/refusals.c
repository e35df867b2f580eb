/* NEEDS: additions tls openssl */
/* MODES: plain asan (memcheck takes what the ciphers have written for uninitialised) */
/* LIBS: -lminirpc-tls */
/* PROTO: test.mx */
/* TIMEOUT: 120 */
/* What a user is told of a handshake that fails: the tables of docs/tls.md. The peer is the openssl
 * command, with one version of TLS at a time. REFUSALS=print prints the tables. */
#include "program.h"
#include "accept.h"

#include "test_client.h"

#include <stdarg.h>

enum { CRL = 1, CLIENTS = 2, RAW = 4, ANY_VERSION = 8, SILENT = 16 };

struct refusal {
	const char *name;
	const char *identity;   /* ours, or NULL */
	const char *peer;       /* arguments of openssl; for RAW: what is sent */
	int flags;
};

/* Our server, and what its clients are. */
static const struct refusal of_clients[] = {
	{ "no certificate, where one is required", "p256", "", CLIENTS },
	{ "a certificate of an authority that is not trusted", "p256",
	  "-cert @stranger-client.pem -key @stranger-client.key", CLIENTS },
	{ "a certificate that it has signed itself", "p256", "-cert @self.pem -key @self.key", CLIENTS },
	{ "a certificate that has expired", "p256",
	  "-cert @expired-client.pem -key @expired-client.key", CLIENTS },
	{ "a certificate that has been revoked", "p256",
	  "-cert @revoked-client.pem -key @revoked-client.key", CLIENTS | CRL },
	{ "a certificate for servers only", "p256", "-cert @p256.pem -key @p256.key", CLIENTS },
	{ "a certificate without that of its intermediate authority", "p256",
	  "-cert @deep-client.pem -key @deep-client.key", CLIENTS },
	{ "another protocol (ALPN h2)", "p256", "-alpn h2", 0 },
	{ "no cipher suite in common", "p256",
	  "-cipher ECDHE-ECDSA-AES128-SHA -ciphersuites TLS_AES_128_CCM_SHA256", 0 },
	{ "no key exchange group in common", "p256", "-groups P-521", 0 },
	{ "no signature scheme in common", "ed25519", "-sigalgs ECDSA+SHA256", 0 },
	{ "TLS 1.1 at most", "p256", "-tls1_1 -cipher DEFAULT@SECLEVEL=0", ANY_VERSION },
	{ "no TLS: plain messages", "p256", "\1\2\3\4\xff\xff\xff\xff\0\0\0\1", ANY_VERSION | RAW },
	{ "no TLS: HTTP", "p256", "GET / HTTP/1.0\r\n\r\n", ANY_VERSION | RAW },
	{ "nothing, and its end", "p256", "", ANY_VERSION | RAW },
	{ "nothing at all", "p256", "", ANY_VERSION | RAW | SILENT },
};

/* Our client, and what its server is. */
static const struct refusal of_servers[] = {
	{ "a certificate of an authority that is not trusted", NULL,
	  "-cert @stranger.pem -key @stranger.key", 0 },
	{ "a certificate that it has signed itself", NULL, "-cert @self.pem -key @self.key", 0 },
	{ "a certificate that has expired", NULL, "-cert @expired.pem -key @expired.key", 0 },
	{ "a certificate that is not valid yet", NULL, "-cert @future.pem -key @future.key", 0 },
	{ "a certificate for other names", NULL, "-cert @wrong-name.pem -key @wrong-name.key", 0 },
	{ "a certificate without a name", NULL, "-cert @no-name.pem -key @no-name.key", 0 },
	{ "a certificate for clients only", NULL, "-cert @client-only.pem -key @client-only.key", 0 },
	{ "a certificate that has been revoked", NULL, "-cert @revoked.pem -key @revoked.key", CRL },
	{ "a certificate without that of its intermediate authority", NULL,
	  "-cert @deep.pem -key @deep.key", 0 },
	{ "a certificate of version 1", NULL, "-cert @old.pem -key @old.key", 0 },
	{ "a key that we do not support (P-521)", NULL, "-cert @p521.pem -key @p521.key", 0 },
	{ "it requires a certificate, and we have none", NULL,
	  "-cert @p256.pem -key @p256.key -CAfile @ca.pem -Verify 2 -verify_return_error", 0 },
	{ "it does not trust the authority of ours", "stranger-client",
	  "-cert @p256.pem -key @p256.key -CAfile @ca.pem -Verify 2 -verify_return_error", 0 },
	{ "another protocol (ALPN h2)", NULL, "-cert @p256.pem -key @p256.key -alpn h2", 0 },
	{ "no cipher suite in common", NULL,
	  "-cert @p256.pem -key @p256.key -cipher ECDHE-ECDSA-AES128-SHA "
	  "-ciphersuites TLS_AES_128_CCM_SHA256", 0 },
	{ "no key exchange group in common", NULL, "-cert @p256.pem -key @p256.key -groups P-521", 0 },
	{ "TLS 1.1 at most", NULL,
	  "-cert @p256.pem -key @p256.key -tls1_1 -cipher DEFAULT@SECLEVEL=0", ANY_VERSION },
	{ "no TLS: plain messages", NULL, "\0\0\0\1\0\0\0\0\0\0\0\1\0\0\0\0", ANY_VERSION | RAW },
	{ "no TLS: SSH", NULL, "SSH-2.0-OpenSSH_9.2p1\r\n", ANY_VERSION | RAW },
	{ "nothing, and its end", NULL, "", ANY_VERSION | RAW },
	{ "nothing at all", NULL, "", ANY_VERSION | RAW | SILENT },
};

static struct counter traced = COUNTER_INIT;
static char told[512];

static void note_trace(void *data, const struct mrpc_trace_event *event)
{
	(void)data;
	if (event->kind != MRPC_TRACE_ERROR)
		return;
	snprintf(told, sizeof(told), "%s", event->text);
	counter_add(&traced, 1);
}

/* The length of what is sent raw, which may have zero bytes. */
static size_t raw_len(const struct refusal *r)
{
	return strncmp(r->name, "no TLS: plain", 13) == 0 ? (r->peer[0] ? 12 : 16) : strlen(r->peer);
}

/* Without the address in front. */
static const char *bare(const char *text)
{
	const char *end = strstr(text, ": ");

	return strncmp(text, "127.0.0.1 port ", 15) == 0 && end != NULL ? end + 2 : text;
}

static struct mrpc_tls *settings(const struct refusal *r)
{
	struct mrpc_tls *tls = tls_new(r->identity, "ca.pem");

	if (r->flags & CRL)
		TLS_OK(tls, mrpc_tls_set_crl(tls, cert("crl.pem")));
	if (r->flags & CLIENTS)
		TLS_OK(tls, mrpc_tls_set_peer_check(tls, MRPC_TLS_PEER_REQUIRED));
	return tls;
}

/* What our server says of it. */
static void ask_server(const struct refusal *r, const char *version, char *text, size_t size)
{
	struct mrpc_tls *tls = settings(r);
	struct mrpc_conn_set *set = accept_open(accept_and_drop, NULL);
	struct program client = { 0, -1 };
	struct words w;
	char *port = NULL;
	int fd = -1;

	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	TLS_OK(tls, mrpc_set_tls(set, tls));
	mrpc_tls_unref(tls);
	REQUIRE_EQ(mrpc_set_trace_func(set, note_trace, NULL), 0);
	if (r->flags & SILENT)
		REQUIRE_EQ(mrpc_set_connect_timeout(set, 250), 0);
	REQUIRE_EQ(mrpc_listen(set, AF_INET, "127.0.0.1", &port), 0);
	counter_init(&traced);
	if (r->flags & RAW) {
		fd = peer_connect(port);
		send(fd, r->peer, raw_len(r), MSG_NOSIGNAL);
		if (!(r->flags & SILENT) && raw_len(r) == 0)
			shutdown(fd, SHUT_WR);
	} else {
		client = program_start(words(&w, "openssl s_client -quiet -connect 127.0.0.1:%s "
					     "-servername localhost -CAfile @both.pem %s %s",
					     port, version, r->peer));
	}
	COUNTER_WAIT(&traced, 1);
	snprintf(text, size, "%s", bare(told));
	mrpc_listen_close(set);
	mrpc_conn_set_unref(set);
	if (fd >= 0)
		close(fd);
	else
		program_stop(&client);
	free(port);
}

struct raw_server {
	const struct refusal *refusal;
	int listener;
};

static void *serve_raw(void *arg)
{
	struct raw_server *s = arg;
	int fd = peer_accept(s->listener);
	char buf[4096];

	if (!(s->refusal->flags & SILENT)) {
		/* Once it has said hello. */
		CHECK(recv(fd, buf, sizeof(buf), 0) > 0);
		send(fd, s->refusal->peer, raw_len(s->refusal), MSG_NOSIGNAL);
		shutdown(fd, SHUT_WR);
	}
	while (recv(fd, buf, sizeof(buf), 0) > 0)
		;
	close(fd);
	return NULL;
}

/* What our client says of it. */
static void ask_client(const struct refusal *r, const char *version, char *text, size_t size)
{
	struct mrpc_tls *tls = settings(r);
	struct mrpc_connection *conn;
	struct mrpc_conn_set *set;
	struct program server = { 0, -1 };
	struct raw_server raw = { r, -1 };
	struct probe probe;
	struct words w;
	pthread_t thread;
	char port[8];
	int code;

	probe_init(&probe);
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_client, NULL), 0);
	probe_watch(set);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	TLS_OK(tls, mrpc_set_tls(set, tls));
	mrpc_tls_unref(tls);
	if (r->flags & SILENT)
		REQUIRE_EQ(mrpc_set_connect_timeout(set, 250), 0);
	if (r->flags & RAW) {
		raw.listener = peer_listen(port);
		thread = thread_start(serve_raw, &raw);
	} else {
		free_port(port);
		server = program_start(words(&w, "openssl s_server -quiet -accept 127.0.0.1:%s %s %s",
					     port, version, r->peer));
	}
	REQUIRE_EQ(mrpc_conn_create(&conn, set, &probe), 0);
	code = connect_when_there(conn, "localhost", port);
	if (code == 0) {
		/* With TLS 1.3, a server looks at the client's certificate last. */
		CHECK_STR(version, "-tls1_3");
		COUNTER_WAIT(&probe.disconnects, 1);
		CHECK_EQ(probe.reason, MRPC_DISC_IOERR);
		CHECK_EQ(test_ping(conn), MINIRPC_NETWORK_FAILURE);
	} else {
		CHECK_EQ(code, r->flags & SILENT ? ETIMEDOUT : EPROTO);
	}
	REQUIRE_EQ(mrpc_conn_get_error(conn, text, size), 0);
	memmove(text, bare(text), strlen(bare(text)) + 1);
	mrpc_conn_unref(conn);
	mrpc_conn_set_unref(set);
	if (r->flags & RAW) {
		thread_join(thread);
		close(raw.listener);
	} else {
		program_stop(&server);
	}
}

/* What docs/tls.md says in a column of a row of a table: 0 for TLS 1.2, 1 for 1.3. */
static void documented(const char *table, const char *name, int column, char *text, size_t size)
{
	char path[512], line[1024], want[256];
	bool here = false;
	FILE *file;

	snprintf(path, sizeof(path), "%s/docs/tls.md", getenv("TEST_ROOT"));
	snprintf(want, sizeof(want), "| %s | ", name);
	text[0] = '\0';
	file = fopen(path, "r");
	REQUIRE(file != NULL);
	while (fgets(line, sizeof(line), file) != NULL) {
		if (line[0] == '#')
			here = strstr(line, table) != NULL;
		if (here && strncmp(line, want, strlen(want)) == 0) {
			char *cell = line + strlen(want), *end;

			while (column-- > 0) {
				cell = strstr(cell, " | ");
				REQUIRE(cell != NULL);
				cell += 3;
			}
			end = strstr(cell, " |");
			REQUIRE(end != NULL);
			snprintf(text, size, "%.*s", (int)(end - cell), cell);
			break;
		}
	}
	fclose(file);
}

static void check_all(const char *table, const struct refusal *all, size_t n,
		      void (*ask)(const struct refusal *, const char *, char *, size_t))
{
	const char *versions[] = { "-tls1_2", "-tls1_3" };
	bool print = getenv("REFUSALS") != NULL;
	char text[2][512], want[512];
	size_t i;
	int v;

	SECTION("%s", table);
	if (print)
		printf("## %s\n\n| the peer | TLS 1.2 | TLS 1.3 |\n|---|---|---|\n", table);
	for (i = 0; i < n; i++) {
		for (v = 0; v < 2; v++) {
			if (v == 1 && (all[i].flags & ANY_VERSION))
				strcpy(text[1], text[0]);
			else
				ask(&all[i], all[i].flags & ANY_VERSION ? "" : versions[v], text[v],
				    sizeof(text[v]));
			if (!print) {
				documented(table, all[i].name, v, want, sizeof(want));
				CHECK_MSG(strcmp(text[v], want) == 0,
					  "%s, TLS 1.%d: \"%s\", and not \"%s\", as docs/tls.md says",
					  all[i].name, v + 2, text[v], want);
			}
		}
		if (print)
			printf("| %s | %s | %s |\n", all[i].name, text[0], text[1]);
	}
}

int main(void)
{
	check_all("What a server says of its client", of_clients,
		  sizeof(of_clients) / sizeof(of_clients[0]), ask_server);
	check_all("What a client says of its server", of_servers,
		  sizeof(of_servers) / sizeof(of_servers[0]), ask_client);
	return tap_done();
}
