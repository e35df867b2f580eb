/* TLS for the sets of the programs here, by certificates of c-tests/tls/make-certs. */
#ifndef TLS_H
#define TLS_H

#include "load.h"

#include <minirpc/minirpc.h>

#include <stdio.h>

#ifdef WITH_TLS
#include <minirpc/tls.h>

static inline void tls_for(struct mrpc_conn_set *set, const char *dir, bool server)
{
	const char *identity = server ? "p256" : "client";
	char cert[4096], key[4096], ca[4096];
	struct mrpc_tls *tls;

	snprintf(cert, sizeof(cert), "%s/%s.pem", dir, identity);
	snprintf(key, sizeof(key), "%s/%s.key", dir, identity);
	snprintf(ca, sizeof(ca), "%s/ca.pem", dir);
	MUST(mrpc_tls_create(&tls));
	MUST(mrpc_tls_set_identity(tls, cert, key));
	MUST(mrpc_tls_trust(tls, ca));
	MUST(mrpc_tls_set_peer_check(tls, MRPC_TLS_PEER_REQUIRED));
	MUST(mrpc_tls_set_resumption(tls, 1));
	MUST(mrpc_set_tls(set, tls));
	mrpc_tls_unref(tls);
}
#else
static inline void tls_for(UNUSED struct mrpc_conn_set *set, UNUSED const char *dir,
			   UNUSED bool server)
{
	MUST(-1);
}
#endif

#endif
