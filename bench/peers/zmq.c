/* ZeroMQ.  REQ/REP (w1, w3, w4, w5), DEALER/ROUTER (w2).
 * Each side: 1 zmq I/O thread + the calling thread(s). */
#include "peer.h"
#include <zmq.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void ok(int cond, const char *w) { if (!cond) { fprintf(stderr, "%s: %s\n", w, zmq_strerror(zmq_errno())); peer_die(w); } }
struct req { uint32_t op, x; };
static uint32_t serve(const void *p, size_t n) {
    struct req q;
    memcpy(&q, p, sizeof q);
    return q.op == 1 ? q.x + 1 : (uint32_t)(n - 4);
}
void peer_server(int port, const char *wl) {
    char url[64];
    void *ctx = zmq_ctx_new();
    int router = !strcmp(wl, "w2"), rv;
    void *s = zmq_socket(ctx, router ? ZMQ_ROUTER : ZMQ_REP);
    int bl = 4096;
    zmq_setsockopt(s, ZMQ_BACKLOG, &bl, sizeof bl);
    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", port);
    ok(!zmq_bind(s, url), "bind");
    peer_ready(port);
    zmq_msg_t id, m;
    zmq_msg_init(&id);
    zmq_msg_init(&m);
    for (;;) {
        if (router) { rv = zmq_msg_recv(&id, s, 0); ok(rv >= 0, "recv id"); }
        rv = zmq_msg_recv(&m, s, 0);
        ok(rv >= 0, "recv");
        uint32_t v = serve(zmq_msg_data(&m), zmq_msg_size(&m));
        if (router) ok(zmq_msg_send(&id, s, ZMQ_SNDMORE) >= 0, "send id");
        ok(zmq_send(s, &v, 4, 0) == 4, "send");
    }
}
static void *ctx;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static void mkctx(void) {
    ctx = zmq_ctx_new();
    zmq_ctx_set(ctx, ZMQ_MAX_SOCKETS, 8000);
}
void *peer_open(int port, const char *wl) {
    char url[64];
    pthread_once(&once, mkctx);
    void *s = zmq_socket(ctx, !strcmp(wl, "w2") ? ZMQ_DEALER : ZMQ_REQ);
    ok(s != NULL, "socket");
    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", port);
    ok(!zmq_connect(s, url), "connect");
    return s;
}
int32_t peer_call(void *c, int32_t x) {
    struct req q = {1, (uint32_t)x};
    uint32_t v = 0;
    ok(zmq_send(c, &q, sizeof q, 0) == sizeof q, "send");
    ok(zmq_recv(c, &v, 4, 0) == 4, "recv");
    return (int32_t)v;
}
void peer_put(void *c, const void *p, size_t n) {
    zmq_msg_t m;
    uint32_t v = 0, op = 2;
    zmq_msg_init_size(&m, n + 4);
    memcpy(zmq_msg_data(&m), &op, 4);
    memcpy((char *)zmq_msg_data(&m) + 4, p, n);
    ok(zmq_msg_send(&m, c, 0) >= 0, "send");
    ok(zmq_recv(c, &v, 4, 0) == 4 && v == n, "recv");
}
void peer_pipeline(void *c, int window, uint64_t total) {
    uint64_t sent = 0, done = 0, sum = 0, want = 0;
    while (done < total) {
        while (sent < total && sent - done < (uint64_t)window) {
            struct req q = {1, (uint32_t)sent};
            want += (uint32_t)sent + 1;
            ok(zmq_send(c, &q, sizeof q, 0) == sizeof q, "send");
            sent++;
        }
        uint32_t v = 0;
        ok(zmq_recv(c, &v, 4, 0) == 4, "recv"); /* one, blocking */
        sum += v;
        done++;
        while (done < sent && zmq_recv(c, &v, 4, ZMQ_DONTWAIT) == 4) { sum += v; done++; }
    }
    if (sum != want) peer_die("zmq sum");
}
