/* A client and a server of wolfSSL, which has no programs of its own:
 *
 *   wolfssl client PORT VERSION CA [CERT KEY]
 *   wolfssl server PORT VERSION CERT KEY [CA]
 *
 * VERSION is 1.2 or 1.3; with an authority, the server requires a certificate. The client sends what
 * messages it reads from its input, one at a time, and writes what is answered; the server writes
 * what it receives, and sends what it then reads. An end is passed on, too. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <wolfssl/options.h>
#include <wolfssl/ssl.h>

static void need(int good, const char *what)
{
	if (!good) {
		fprintf(stderr, "wolfssl: %s\n", what);
		exit(1);
	}
}

static void tls_need(WOLFSSL *tls, int ret, const char *what)
{
	char why[WOLFSSL_MAX_ERROR_SZ];

	if (ret > 0)
		return;
	wolfSSL_ERR_error_string((unsigned long)wolfSSL_get_error(tls, ret), why);
	fprintf(stderr, "wolfssl: %s: %s\n", what, why);
	exit(1);
}

static int connection(int server, const char *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1, accepted;

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	at.sin_port = htons((uint16_t)atoi(port));
	if (!server) {
		need(connect(fd, (struct sockaddr *)&at, sizeof at) == 0, "connect");
		return fd;
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	need(bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 1) == 0, "listen");
	accepted = accept(fd, NULL, NULL);
	need(accepted >= 0, "accept");
	close(fd);
	return accepted;
}

/* Less than all of it only at the end. */
static size_t take_in(unsigned char *data, size_t len)
{
	size_t had = 0;
	ssize_t got;

	while (had < len && (got = read(0, data + had, len - had)) > 0)
		had += (size_t)got;
	return had;
}

/* A message with its header; its length, 0 at the end. */
static int take_message(unsigned char data[65536])
{
	size_t rest;

	if (take_in(data, 16) < 16)
		return 0;
	rest = (size_t)data[13] << 16 | (size_t)data[14] << 8 | data[15];
	need(data[12] == 0 && rest <= 65536 - 16, "a message is too long");
	need(take_in(data + 16, rest) == rest, "a message is cut");
	return (int)(16 + rest);
}

static void give_out(const unsigned char *data, int len)
{
	need(write(1, data, (size_t)len) == len, "write");
}

/* What has arrived; 0 if the peer has announced its end. */
static int receive(WOLFSSL *tls, unsigned char *data, int len)
{
	int got = wolfSSL_read(tls, data, len);

	if (got <= 0 && wolfSSL_get_error(tls, got) == WOLFSSL_ERROR_ZERO_RETURN)
		return 0;
	tls_need(tls, got, "read");
	return got;
}

int main(int argc, char **argv)
{
	static unsigned char data[65536];
	int server = argc > 1 && strcmp(argv[1], "server") == 0, len;
	int tls13 = argc > 3 && strcmp(argv[3], "1.3") == 0;
	const char *ca, *cert, *key;
	WOLFSSL_CTX *ctx;
	WOLFSSL *tls;

	need(argc > 4 + server, "too few arguments");
	signal(SIGPIPE, SIG_IGN);
	ca = server ? (argc > 6 ? argv[6] : NULL) : argv[4];
	cert = server ? argv[4] : (argc > 6 ? argv[5] : NULL);
	key = server ? argv[5] : (argc > 6 ? argv[6] : NULL);
	wolfSSL_Init();
	if (server)
		ctx = wolfSSL_CTX_new(tls13 ? wolfTLSv1_3_server_method() : wolfTLSv1_2_server_method());
	else
		ctx = wolfSSL_CTX_new(tls13 ? wolfTLSv1_3_client_method() : wolfTLSv1_2_client_method());
	need(ctx != NULL, "no context");
	if (ca != NULL)
		need(wolfSSL_CTX_load_verify_locations(ctx, ca, NULL) == WOLFSSL_SUCCESS, ca);
	if (cert != NULL) {
		need(wolfSSL_CTX_use_certificate_chain_file(ctx, cert) == WOLFSSL_SUCCESS, cert);
		need(wolfSSL_CTX_use_PrivateKey_file(ctx, key, WOLFSSL_FILETYPE_PEM) ==
		     WOLFSSL_SUCCESS, key);
	}
	wolfSSL_CTX_set_verify(ctx, ca == NULL ? WOLFSSL_VERIFY_NONE :
			       WOLFSSL_VERIFY_PEER | WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	tls = wolfSSL_new(ctx);
	need(tls != NULL, "no session");
	need(wolfSSL_UseALPN(tls, "minirpc", 7, WOLFSSL_ALPN_FAILED_ON_MISMATCH) ==
	     WOLFSSL_SUCCESS, "ALPN");
	if (!server) {
		need(wolfSSL_UseSNI(tls, WOLFSSL_SNI_HOST_NAME, "localhost", 9) == WOLFSSL_SUCCESS,
		     "SNI");
		need(wolfSSL_check_domain_name(tls, "localhost") == WOLFSSL_SUCCESS, "name");
	}
	wolfSSL_set_fd(tls, connection(server, argv[2]));
	tls_need(tls, server ? wolfSSL_accept(tls) : wolfSSL_connect(tls), "handshake");
	if (server) {
		while ((len = receive(tls, data, sizeof data)) > 0) {
			give_out(data, len);
			len = take_message(data);
			if (len > 0)
				tls_need(tls, wolfSSL_write(tls, data, len), "write");
		}
	} else {
		while ((len = take_message(data)) > 0) {
			tls_need(tls, wolfSSL_write(tls, data, len), "write");
			len = receive(tls, data, sizeof data);
			give_out(data, len);
		}
	}
	/* Says that it ends; the client waits for an answer. */
	if (wolfSSL_shutdown(tls) == WOLFSSL_SHUTDOWN_NOT_DONE && !server)
		need(receive(tls, data, sizeof data) == 0, "data behind the end");
	close(wolfSSL_get_fd(tls));
	wolfSSL_free(tls);
	wolfSSL_CTX_free(ctx);
	return 0;
}
