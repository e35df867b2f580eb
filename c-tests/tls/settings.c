/* NEEDS: additions tls openssl */
/* MODES: plain asan (memcheck takes what the ciphers have written for uninitialised) */
/* LIBS: -lminirpc-tls */
/* PROTO: test.mx */
/* What the setters of TLS refuse, and why: texts that a user can act on. */
#include "tls.h"

#include "test_client.h"
#include "test_server.h"

static struct mrpc_tls *tls;

/* The call fails like this, and the reason says that; then all is as it was. */
#define REFUSES(call, errno_value, text) do { \
	char why_[512]; \
	CHECK_EQ(call, errno_value); \
	CHECK_EQ(mrpc_tls_get_error(tls, why_, sizeof(why_)), 0); \
	CHECK_MSG(strstr(why_, (text)) != NULL, "the reason is \"%s\", not \"%s\"", why_, text); \
} while (0)

#define IDENTITY(c, k) mrpc_tls_set_identity(tls, cert(c), cert(k))
#define TRUST(c) mrpc_tls_trust(tls, cert(c))

static char *slurp(const char *name, size_t *len)
{
	FILE *file = fopen(cert(name), "r");
	char *text = malloc(65536);

	REQUIRE(file != NULL);
	*len = fread(text, 1, 65536, file);
	fclose(file);
	return text;
}

int main(void)
{
	struct mrpc_conn_set *client, *server;
	char text[8], *pem, *key;
	size_t len, key_len;

	SECTION("arguments");
	CHECK_EQ(mrpc_tls_create(NULL), EINVAL);
	REQUIRE_EQ(mrpc_tls_create(&tls), 0);
	mrpc_tls_ref(NULL);
	mrpc_tls_unref(NULL);
	mrpc_tls_ref(tls);
	mrpc_tls_unref(tls);
	CHECK_EQ(mrpc_tls_set_identity(NULL, "a", "b"), EINVAL);
	CHECK_EQ(mrpc_tls_set_identity(tls, NULL, "b"), EINVAL);
	CHECK_EQ(mrpc_tls_set_identity(tls, "a", NULL), EINVAL);
	CHECK_EQ(mrpc_tls_set_identity_pem(NULL, "", 0, "", 0), EINVAL);
	CHECK_EQ(mrpc_tls_set_identity_pem(tls, NULL, 0, "", 0), EINVAL);
	CHECK_EQ(mrpc_tls_set_identity_pem(tls, "", 0, NULL, 0), EINVAL);
	CHECK_EQ(mrpc_tls_trust(NULL, NULL), EINVAL);
	CHECK_EQ(mrpc_tls_trust_pem(NULL, "", 0), EINVAL);
	CHECK_EQ(mrpc_tls_trust_pem(tls, NULL, 0), EINVAL);
	CHECK_EQ(mrpc_tls_set_crl(NULL, "a"), EINVAL);
	CHECK_EQ(mrpc_tls_set_crl(tls, NULL), EINVAL);
	CHECK_EQ(mrpc_tls_set_peer_check(NULL, 0), EINVAL);
	REFUSES(mrpc_tls_set_peer_check(tls, 3), EINVAL, "3");
	REFUSES(mrpc_tls_set_peer_check(tls, -1), EINVAL, "-1");
	CHECK_EQ(mrpc_tls_set_server_name(NULL, "a"), EINVAL);
	CHECK_EQ(mrpc_tls_set_resumption(NULL, 1), EINVAL);
	CHECK_EQ(mrpc_tls_get_error(NULL, text, sizeof(text)), EINVAL);
	CHECK_EQ(mrpc_tls_get_error(tls, NULL, 1), EINVAL);
	CHECK_EQ(mrpc_tls_get_error(tls, text, 0), EINVAL);
	CHECK_EQ(mrpc_set_tls(NULL, tls), EINVAL);
	CHECK_EQ(mrpc_conn_get_tls(NULL, NULL), EINVAL);
	CHECK_EQ(mrpc_conn_get_peer_certificate(NULL, NULL, NULL), EINVAL);
	CHECK_EQ(mrpc_conn_check_peer_name(NULL, NULL), EINVAL);

	SECTION("the text is cut to its place, and gone after a success");
	CHECK_EQ(mrpc_tls_set_peer_check(tls, 4711), EINVAL);
	CHECK_EQ(mrpc_tls_get_error(tls, text, sizeof(text)), 0);
	CHECK_STR(text, "4711 is");
	CHECK_EQ(mrpc_tls_set_peer_check(tls, MRPC_TLS_PEER_NONE), 0);
	CHECK_EQ(mrpc_tls_get_error(tls, text, sizeof(text)), 0);
	CHECK_STR(text, "");

	SECTION("files that are not there, or not what they should be");
	REFUSES(IDENTITY("absent.pem", "p256.key"), ENOENT, "absent.pem: No such file or directory");
	REFUSES(IDENTITY("p256.pem", "absent.key"), ENOENT, "absent.key: No such file or directory");
	REFUSES(mrpc_tls_set_identity(tls, cert("."), cert("p256.key")), EISDIR, "Is a directory");
	REFUSES(IDENTITY("empty.pem", "p256.key"), EINVAL,
		"empty.pem: no certificate in it; it is empty");
	REFUSES(IDENTITY("text.pem", "p256.key"), EINVAL,
		"text.pem: no certificate in it; it is not in PEM");
	REFUSES(IDENTITY("ca.der", "p256.key"), EINVAL, "ca.der: no certificate in it");
	REFUSES(IDENTITY("p256.key", "p256.pem"), EINVAL,
		"p256.key: no certificate in it; it has \"PRIVATE KEY\"");
	REFUSES(IDENTITY("p256.pem", "p256.pem"), EINVAL,
		"p256.pem: no private key in it; it has \"CERTIFICATE\"");
	REFUSES(IDENTITY("cut.pem", "p256.key"), EINVAL, "cut.pem: not valid PEM");
	REFUSES(IDENTITY("garbled.pem", "p256.key"), EINVAL, "garbled.pem: not valid PEM");
	REFUSES(IDENTITY("nonsense.pem", "p256.key"), EINVAL,
		"nonsense.pem: our certificate is not well formed");

	SECTION("keys: another's, encrypted, of kinds that are not supported");
	REFUSES(IDENTITY("p256.pem", "p384.key"), EINVAL,
		"p256.pem: the key does not belong to the certificate");
	REFUSES(IDENTITY("backwards.pem", "deep.key"), EINVAL,
		"the key does not belong to the certificate that stands first");
	REFUSES(IDENTITY("p256.pem", "encrypted.key"), EINVAL,
		"encrypted.key: the key is encrypted");
	REFUSES(IDENTITY("rsa.pem", "encrypted-rsa.key"), EINVAL,
		"encrypted-rsa.key: the key is encrypted");
	REFUSES(IDENTITY("p521.pem", "p521.key"), EINVAL, "of no kind that is supported");
	REFUSES(IDENTITY("rsa1024.pem", "rsa1024.key"), EINVAL, "of no kind that is supported");
	REFUSES(IDENTITY("rsa.pem", "pss.key"), EINVAL, "pss.key: the key is not valid, or of no kind");
	REFUSES(IDENTITY("p256.pem", "k1.key"), EINVAL, "of no kind that is supported");

	SECTION("certificates that nobody would take");
	REFUSES(IDENTITY("expired.pem", "expired.key"), EINVAL,
		"expired.pem: our certificate expired on 2020-02-01");
	REFUSES(IDENTITY("old.pem", "old.key"), EINVAL, "version 1");

	SECTION("authorities");
	REFUSES(TRUST("absent.pem"), ENOENT, "absent.pem");
	REFUSES(TRUST("empty.pem"), EINVAL, "empty.pem: no certificate in it; it is empty");
	REFUSES(TRUST("p256.key"), EINVAL, "no certificate in it; it has \"PRIVATE KEY\"");
	REFUSES(TRUST("x509-label.pem"), EINVAL, "it has \"X509 CERTIFICATE\"");
	REFUSES(TRUST("trusted.pem"), EINVAL, "it has \"TRUSTED CERTIFICATE\"");
	REFUSES(TRUST("nonsense.pem"), EINVAL, "nonsense.pem, certificate 1");
	CHECK_EQ(TRUST("marked.pem"), 0);
	REFUSES(mrpc_tls_set_crl(tls, cert("ca.pem")), EINVAL,
		"no certificate revocation list in it; it has \"CERTIFICATE\"");
	CHECK_EQ(mrpc_tls_set_crl(tls, cert("crl.pem")), 0);

	SECTION("names");
	REFUSES(mrpc_tls_set_server_name(tls, ""), EINVAL, "no name that a certificate could have");
	REFUSES(mrpc_tls_set_server_name(tls, "a b"), EINVAL, "\"a b\" is no name");
	REFUSES(mrpc_tls_set_server_name(tls, "-"), EINVAL, "no name");
	CHECK_EQ(mrpc_tls_set_server_name(tls, "a.example."), 0);
	CHECK_EQ(mrpc_tls_set_server_name(tls, "::1"), 0);
	CHECK_EQ(mrpc_tls_set_server_name(tls, NULL), 0);
	mrpc_tls_unref(tls);

	SECTION("what a set needs as a whole");
	REQUIRE_EQ(mrpc_conn_set_create(&client, test_client, NULL), 0);
	REQUIRE_EQ(mrpc_conn_set_create(&server, test_server, NULL), 0);
	tls = tls_new(NULL, NULL);
	REFUSES(mrpc_set_tls(server, tls), EINVAL, "mrpc_tls_set_identity()");
	CHECK_EQ(mrpc_set_tls(server, NULL), 0);
	CHECK_EQ(IDENTITY("p256.pem", "p256.key"), 0);
	CHECK_EQ(mrpc_set_tls(server, tls), 0);
	CHECK_EQ(mrpc_tls_set_peer_check(tls, MRPC_TLS_PEER_REQUIRED), 0);
	REFUSES(mrpc_set_tls(server, tls), EINVAL, "no authority is trusted");
	CHECK_EQ(TRUST("ca.pem"), 0);
	CHECK_EQ(mrpc_set_tls(server, tls), 0);
	mrpc_tls_unref(tls);

	SECTION("the system's authorities: none is an error");
	setenv("SSL_CERT_FILE", cert("empty.pem"), 1);
	setenv("SSL_CERT_DIR", cert("absent"), 1);
	tls = tls_new(NULL, NULL);
	REFUSES(mrpc_set_tls(client, tls), EINVAL, "mrpc_tls_trust()");
	REFUSES(mrpc_tls_trust(tls, NULL), EINVAL, "the system trusts no authority");
	setenv("SSL_CERT_FILE", cert("ca.pem"), 1);
	CHECK_EQ(mrpc_tls_trust(tls, NULL), 0);
	CHECK_EQ(mrpc_set_tls(client, tls), 0);
	mrpc_tls_unref(tls);

	SECTION("keys in the older formats, and what is in memory");
	tls = tls_new(NULL, NULL);
	CHECK_EQ(IDENTITY("p256.pem", "sec1.key"), 0);
	CHECK_EQ(IDENTITY("rsa.pem", "pkcs1.key"), 0);
	CHECK_EQ(IDENTITY("ed25519.pem", "ed25519.key"), 0);
	CHECK_EQ(IDENTITY("p384.pem", "p384.key"), 0);
	pem = slurp("p256.pem", &len);
	key = slurp("p256.key", &key_len);
	CHECK_EQ(mrpc_tls_set_identity_pem(tls, pem, len, key, key_len), 0);
	REFUSES(mrpc_tls_set_identity_pem(tls, key, key_len, key, key_len), EINVAL,
		"certificate: no certificate in it");
	CHECK_EQ(mrpc_tls_trust_pem(tls, pem, len), 0);
	REFUSES(mrpc_tls_trust_pem(tls, "", 0), EINVAL, "authorities: no certificate in it");
	free(pem);
	free(key);
	mrpc_tls_unref(tls);
	mrpc_conn_set_unref(client);
	mrpc_conn_set_unref(server);
	return tap_done();
}
