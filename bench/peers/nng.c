/* nng req/rep.  Server: REP with nng_ctx state machines run by
 * nng's own callback threads (1 context for w1/w4/w5, 16 for w3, 256 for w2).
 * Client: one REQ socket per conn, nng_sendmsg/nng_recvmsg; w2: 256 nng_ctx. */
#include "peer.h"
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void ok(int rv, const char *w) { if (rv) { fprintf(stderr, "%s: %s\n", w, nng_strerror(rv)); peer_die(w); } }
/* message: u32 op (1 add, 2 put) + body; reply: u32 */
struct work { nng_ctx ctx; nng_aio *aio; int sending; };
static void srv_cb(void *arg) {
    struct work *w = arg;
    ok(nng_aio_result(w->aio), "srv aio");
    if (w->sending) {
        w->sending = 0;
        nng_ctx_recv(w->ctx, w->aio);
        return;
    }
    nng_msg *m = nng_aio_get_msg(w->aio);
    uint32_t op, v = 0;
    nng_msg_trim_u32(m, &op);
    if (op == 1) nng_msg_trim_u32(m, &v), v++;
    else { v = (uint32_t)nng_msg_len(m); nng_msg_clear(m); }
    nng_msg_append_u32(m, v);
    nng_aio_set_msg(w->aio, m);
    w->sending = 1;
    nng_ctx_send(w->ctx, w->aio);
}
void peer_server(int port, const char *wl) {
    char url[64];
    nng_socket s;
    nng_listener l;
    int n = !strcmp(wl, "w2") ? 256 : !strcmp(wl, "w3") ? 16 : 1;
    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", port);
    ok(nng_rep0_open(&s), "rep");
    ok(nng_socket_set_size(s, NNG_OPT_RECVMAXSZ, 0), "max");
    ok(nng_listener_create(&l, s, url), "listener");
    ok(nng_listener_start(l, 0), "listen");
    struct work *w = calloc((size_t)n, sizeof *w);
    for (int i = 0; i < n; i++) {
        ok(nng_aio_alloc(&w[i].aio, srv_cb, &w[i]), "aio");
        ok(nng_ctx_open(&w[i].ctx, s), "ctx");
        nng_ctx_recv(w[i].ctx, w[i].aio);
    }
    peer_ready(port);
    for (;;) pause();
}
void *peer_open(int port, const char *wl) {
    char url[64];
    (void)wl;
    nng_socket *s = malloc(sizeof *s);
    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", port);
    ok(nng_req0_open(s), "req");
    ok(nng_socket_set_size(*s, NNG_OPT_RECVMAXSZ, 0), "max");
    ok(nng_dial(*s, url, NULL, 0), "dial");
    return s;
}
static uint32_t rt(nng_socket s, nng_msg *m) {
    uint32_t v = 0;
    ok(nng_sendmsg(s, m, 0), "send");
    ok(nng_recvmsg(s, &m, 0), "recv");
    nng_msg_trim_u32(m, &v);
    nng_msg_free(m);
    return v;
}
int32_t peer_call(void *c, int32_t x) {
    nng_msg *m;
    ok(nng_msg_alloc(&m, 0), "msg");
    nng_msg_append_u32(m, 1);
    nng_msg_append_u32(m, (uint32_t)x);
    return (int32_t)rt(*(nng_socket *)c, m);
}
void peer_put(void *c, const void *p, size_t n) {
    nng_msg *m;
    ok(nng_msg_alloc(&m, 4 + n), "msg");
    nng_msg_clear(m);
    nng_msg_append_u32(m, 2);
    nng_msg_append(m, p, n);
    if (rt(*(nng_socket *)c, m) != n) peer_die("nng put");
}
struct pipe_state { pthread_mutex_t m; pthread_cond_t cv; uint64_t issued, done, total; };
struct call { struct pipe_state *p; nng_ctx ctx; nng_aio *aio; int phase; uint32_t x; };
static void start(struct call *c) {
    nng_msg *m;
    ok(nng_msg_alloc(&m, 0), "msg");
    nng_msg_append_u32(m, 1);
    nng_msg_append_u32(m, c->x);
    nng_aio_set_msg(c->aio, m);
    c->phase = 1;
    nng_ctx_send(c->ctx, c->aio);
}
static void cli_cb(void *arg) {
    struct call *c = arg;
    struct pipe_state *p = c->p;
    ok(nng_aio_result(c->aio), "cli aio");
    if (c->phase == 1) {
        c->phase = 2;
        nng_ctx_recv(c->ctx, c->aio);
        return;
    }
    nng_msg *m = nng_aio_get_msg(c->aio);
    uint32_t v = 0;
    nng_msg_trim_u32(m, &v);
    nng_msg_free(m);
    if (v != c->x + 1) peer_die("nng reply");
    pthread_mutex_lock(&p->m);
    int again = p->issued < p->total;
    if (again) c->x = (uint32_t)p->issued++;
    if (++p->done == p->total) pthread_cond_signal(&p->cv);
    pthread_mutex_unlock(&p->m);
    if (again) start(c);
}
void peer_pipeline(void *conn, int window, uint64_t total) {
    static struct call *cs; /* contexts are made once and reused */
    static struct pipe_state p = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, 0};
    if (!cs) {
        cs = calloc((size_t)window, sizeof *cs);
        for (int i = 0; i < window; i++) {
            cs[i].p = &p;
            ok(nng_ctx_open(&cs[i].ctx, *(nng_socket *)conn), "ctx");
            ok(nng_aio_alloc(&cs[i].aio, cli_cb, &cs[i]), "aio");
        }
    }
    for (int i = 0; i < window; i++) nng_aio_wait(cs[i].aio);
    p.done = 0;
    p.total = total;
    p.issued = total < (uint64_t)window ? total : (uint64_t)window;
    uint64_t first = p.issued;
    for (uint64_t i = 0; i < first; i++) { cs[i].x = (uint32_t)i; start(&cs[i]); }
    pthread_mutex_lock(&p.m);
    while (p.done < total) pthread_cond_wait(&p.cv, &p.m);
    pthread_mutex_unlock(&p.m);
}
