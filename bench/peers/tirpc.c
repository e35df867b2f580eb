/* libtirpc (Sun RPC over TCP).  Sync only: ONC RPC's client
 * API has no async calls with replies, so no w2.  Explicit ports, no rpcbind.
 * Server: svc_run(), one thread, poll().  Client: one CLIENT per thread. */
#include "peer.h"
#include <rpc/rpc.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>

enum { PROG = 0x20000123, VERS = 1, ADD = 1, PUT = 2 };
struct blob { u_int len; char *p; };
static bool_t xdr_blob(XDR *x, struct blob *b) { return xdr_bytes(x, &b->p, &b->len, 1u << 28); }

static void dispatch(struct svc_req *rq, SVCXPRT *x) {
    int v;
    struct blob b = {0, NULL};
    switch (rq->rq_proc) {
    case NULLPROC:
        svc_sendreply(x, (xdrproc_t)(void (*)(void))xdr_void, NULL);
        break;
    case ADD:
        if (!svc_getargs(x, (xdrproc_t)xdr_int, (caddr_t)&v)) { svcerr_decode(x); break; }
        v++;
        svc_sendreply(x, (xdrproc_t)xdr_int, (caddr_t)&v);
        break;
    case PUT:
        if (!svc_getargs(x, (xdrproc_t)xdr_blob, (caddr_t)&b)) { svcerr_decode(x); break; }
        v = (int)b.len;
        svc_sendreply(x, (xdrproc_t)xdr_int, (caddr_t)&v);
        svc_freeargs(x, (xdrproc_t)xdr_blob, (caddr_t)&b);
        break;
    default:
        svcerr_noproc(x);
    }
}
void peer_server(int port, const char *wl) {
    int big = !strcmp(wl, "w4") ? 256 * 1024 : 0; /* 0: library default */
    int fd = peer_listen(&port);
    SVCXPRT *x = svctcp_create(fd, big, big);
    if (!x || !svc_register(x, PROG, VERS, dispatch, 0)) peer_die("svctcp_create");
    peer_ready(port);
    svc_run();
}
void *peer_open(int port, const char *wl) {
    int big = !strcmp(wl, "w4") ? 256 * 1024 : 0;
    int fd = peer_connect(port); /* own socket: skips bindresvport */
    struct sockaddr_in a;
    memset(&a, 0, sizeof a);
    a.sin_family = AF_INET;
    a.sin_port = htons((uint16_t)port);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CLIENT *c = clnttcp_create(&a, PROG, VERS, &fd, big, big);
    if (!c) { clnt_pcreateerror("tirpc"); peer_die("clnttcp_create"); }
    return c;
}
static const struct timeval TMO = {25, 0};
int32_t peer_call(void *c, int32_t x) {
    int in = x, out = 0;
    if (clnt_call((CLIENT *)c, ADD, (xdrproc_t)xdr_int, (caddr_t)&in, (xdrproc_t)xdr_int,
                  (caddr_t)&out, TMO) != RPC_SUCCESS) {
        clnt_perror((CLIENT *)c, "call");
        peer_die("clnt_call");
    }
    return out;
}
void peer_put(void *c, const void *p, size_t n) {
    struct blob b = {(u_int)n, (char *)p};
    int out = 0;
    if (clnt_call((CLIENT *)c, PUT, (xdrproc_t)xdr_blob, (caddr_t)&b, (xdrproc_t)xdr_int,
                  (caddr_t)&out, TMO) != RPC_SUCCESS || out != (int)n) {
        clnt_perror((CLIENT *)c, "put");
        peer_die("clnt_call put");
    }
}
void peer_pipeline(void *c, int w, uint64_t t) { (void)c; (void)w; (void)t; peer_die("tirpc has no async calls"); }
