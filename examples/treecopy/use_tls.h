/* Encrypts what a set's connections carry, and checks their peers: --tls=DIR, where DIR has
   ca.pem, the authority, and NAME.pem and NAME.key, who we are. */
#ifndef USE_TLS_H
#define USE_TLS_H

#include <errno.h>
#include <stdio.h>
#include <string.h>

#ifdef WITH_TLS
#include <minirpc/tls.h>

static int use_tls(struct mrpc_conn_set *set, const char *dir, const char *name)
{
    char ca[4096], cert[4096], key[4096], why[512];
    struct mrpc_tls *tls;
    int err = mrpc_tls_create(&tls);

    if (err != 0)
        return err;
    snprintf(ca, sizeof ca, "%s/ca.pem", dir);
    snprintf(cert, sizeof cert, "%s/%s.pem", dir, name);
    snprintf(key, sizeof key, "%s/%s.key", dir, name);
    err = mrpc_tls_set_identity(tls, cert, key);
    if (err == 0)
        err = mrpc_tls_trust(tls, ca);
    if (err == 0)               /* of clients, too; a client's set does not look at it */
        err = mrpc_tls_set_peer_check(tls, MRPC_TLS_PEER_REQUIRED);
    if (err == 0)
        err = mrpc_set_tls(set, tls);
    if (err != 0) {
        mrpc_tls_get_error(tls, why, sizeof why);
        fprintf(stderr, "%s\n", why);
    }
    mrpc_tls_unref(tls);
    return err;
}
#else
static int use_tls(struct mrpc_conn_set *set, const char *dir, const char *name)
{
    (void) set;
    (void) dir;
    (void) name;
    fprintf(stderr, "built without TLS\n");
    return EOPNOTSUPP;
}
#endif

#endif
