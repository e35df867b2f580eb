/* TLS over pairs, with certificates of make-certs. */
#ifndef TLS_H
#define TLS_H

#include "harness.h"

#include <minirpc/tls.h>

/* A file of make-certs; four may be in use at a time. */
static inline const char *cert(const char *name)
{
	static __thread char paths[4][512];
	static __thread int next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", getenv("TEST_CERTS"), name);
	return path;
}

#define TLS_OK(tls, call) do { \
	char tls_why_[512]; \
	int tls_code_ = (call); \
	mrpc_tls_get_error((tls), tls_why_, sizeof(tls_why_)); \
	if (!CHECK_MSG(tls_code_ == 0, "%s: %s", #call, tls_why_)) \
		tap_abort(); \
} while (0)

/* Settings with an identity, or none (NULL), and a trusted authority, or none. */
static inline struct mrpc_tls *tls_new(const char *identity, const char *ca)
{
	struct mrpc_tls *tls;
	char pem[64], key[64];

	REQUIRE_EQ(mrpc_tls_create(&tls), 0);
	if (identity != NULL) {
		/* deep-chain is the chain of deep. */
		snprintf(pem, sizeof(pem), "%s.pem", identity);
		snprintf(key, sizeof(key), "%.*s.key",
			 (int)(strstr(identity, "-chain") != NULL ?
			       strstr(identity, "-chain") - identity : (long)strlen(identity)),
			 identity);
		TLS_OK(tls, mrpc_tls_set_identity(tls, cert(pem), cert(key)));
	}
	if (ca != NULL)
		TLS_OK(tls, mrpc_tls_trust(tls, cert(ca)));
	return tls;
}

/* Both sides have a certificate. */
static inline void tls_mutual(struct mrpc_conn_set *set, bool server)
{
	struct mrpc_tls *tls = tls_new(server ? "p256" : "client", "ca.pem");

	TLS_OK(tls, mrpc_tls_set_peer_check(tls, MRPC_TLS_PEER_REQUIRED));
	TLS_OK(tls, mrpc_tls_set_server_name(tls, "localhost"));
	TLS_OK(tls, mrpc_set_tls(set, tls));
	mrpc_tls_unref(tls);
}

/* All pairs of the test are made with it. */
__attribute__((constructor)) static void tls_all(void)
{
	pair_transport = tls_mutual;
}

#endif
