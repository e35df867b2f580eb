/*
 * The floor with TLS: OpenSSL with blocking SSL_read and SSL_write, and this library's
 * frames; a thread for each connection. With TLS 1.3 and the cipher that the library would
 * take. BENCH_TLS has the directory of the certificates.
 */
#include "peer.h"

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEADER = 16, SMALL = 20, DRAIN = 1 << 20 };
enum { ADD = 1, PUT = 2 };

struct small {
	uint32_t sequence, status, cmd, len, value;
};

static const char *file(const char *name)
{
	static _Thread_local char path[1024];
	const char *dir = getenv("BENCH_TLS");

	if (dir == NULL)
		peer_die("BENCH_TLS is not set");
	snprintf(path, sizeof path, "%s/%s", dir, name);
	return path;
}

static SSL_CTX *context(const SSL_METHOD *method)
{
	SSL_CTX *ctx = SSL_CTX_new(method);

	if (ctx == NULL || !SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) ||
		!SSL_CTX_set_ciphersuites(ctx, "TLS_AES_256_GCM_SHA384"))
		peer_die("SSL_CTX");
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ctx, 0);
	return ctx;
}

static int get_all(SSL *ssl, void *p, size_t n)
{
	for (size_t got = 0; got < n;) {
		int k = SSL_read(ssl, (char *)p + got, (int)(n - got));

		if (k <= 0)
			return -1;
		got += (size_t)k;
	}
	return 0;
}

static int put_all(SSL *ssl, const void *p, size_t n)
{
	return SSL_write(ssl, p, (int)n) == (int)n ? 0 : -1;
}

/* ---- server */

static SSL_CTX *server_context;

static int serve_call(SSL *ssl, char *buf)
{
	struct small m;
	uint32_t len;

	if (get_all(ssl, &m, SMALL))
		return -1;
	m.status = 0;
	if (ntohl(m.cmd) == ADD) {
		m.value = htonl(ntohl(m.value) + 1);
		return put_all(ssl, &m, SMALL);
	}
	len = ntohl(m.len) - 4;
	for (uint32_t got = 0; got < len;) {
		int k = SSL_read(ssl, buf, len - got < DRAIN ? (int)(len - got) : DRAIN);

		if (k <= 0)
			return -1;
		got += (uint32_t)k;
	}
	m.len = htonl(4);
	m.value = htonl(len);
	return put_all(ssl, &m, SMALL);
}

static void *serve(void *arg)
{
	int fd = (int)(intptr_t)arg;
	SSL *ssl = SSL_new(server_context);
	char *buf = malloc(DRAIN);

	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1)
		while (serve_call(ssl, buf) == 0)
			;
	SSL_free(ssl);
	free(buf);
	close(fd);
	return NULL;
}

void peer_server(int port, const char *wl)
{
	int listener = peer_listen(&port);

	(void)wl;
	server_context = context(TLS_server_method());
	if (SSL_CTX_use_certificate_chain_file(server_context, file("p256.pem")) != 1 ||
		SSL_CTX_use_PrivateKey_file(server_context, file("p256.key"), SSL_FILETYPE_PEM) != 1)
		peer_die("certificate");
	peer_ready(port);
	for (;;) {
		pthread_t t;
		int fd = accept(listener, NULL, NULL);

		if (fd < 0 || pthread_create(&t, NULL, serve, (void *)(intptr_t)fd))
			peer_die("accept");
		pthread_detach(t);
	}
}

/* ---- client */

void *peer_open(int port, const char *wl)
{
	static SSL_CTX *ctx;
	SSL *ssl;

	(void)wl;
	if (ctx == NULL) {
		ctx = context(TLS_client_method());
		if (SSL_CTX_load_verify_locations(ctx, file("ca.pem"), NULL) != 1)
			peer_die("authority");
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	}
	ssl = SSL_new(ctx);
	SSL_set_fd(ssl, peer_connect(port));
	if (SSL_set1_host(ssl, "localhost") != 1 || SSL_connect(ssl) != 1)
		peer_die("SSL_connect");
	return ssl;
}

static struct small frame(uint32_t cmd, uint32_t len, uint32_t value)
{
	static _Thread_local uint32_t sequence;

	return (struct small){ htonl(sequence++), 0xffffffff, htonl(cmd), htonl(len), htonl(value) };
}

int32_t peer_call(void *conn, int32_t x)
{
	struct small m = frame(ADD, 4, (uint32_t)x);

	if (put_all(conn, &m, SMALL) || get_all(conn, &m, SMALL))
		peer_die("call");
	return (int32_t)ntohl(m.value);
}

void peer_put(void *conn, const void *p, size_t n)
{
	struct small m = frame(PUT, (uint32_t)n + 4, (uint32_t)n);

	if (put_all(conn, &m, SMALL) || put_all(conn, p, n) || get_all(conn, &m, SMALL))
		peer_die("put");
	if (ntohl(m.value) != n)
		peer_die("put: wrong length");
}

/* Call by call: what a program without a library does. */
void peer_pipeline(void *conn, int window, uint64_t total)
{
	(void)window;
	for (uint64_t i = 0; i < total; i++)
		if (peer_call(conn, (int32_t)i) != (int32_t)i + 1)
			peer_die("pipeline: wrong reply");
}
