/* Raw sockets in the thread shape of an ordinary event-driven RPC library, and
 * nothing else: the limit of that shape.
 * Server: one epoll I/O thread reads and queues to a dispatcher thread
 * (RAWHOP_DISP=n: several), which answers with a direct send().
 * Client: callers send() directly; one epoll I/O thread reads replies and
 * wakes the sleeping caller or, W2, hands the batch to one event thread that
 * issues new calls.
 * Two hops can be taken out one by one, to price them: RAWHOP_INLINE=1, the
 * server's I/O thread answers itself; RAWHOP_CALLER=1, the sync caller reads its
 * own reply (W1 and W3 only). */
#define _GNU_SOURCE
#include "peer.h"
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { MSG = 20, QCAP = 8192 };
struct msg { uint32_t seq, status, cmd, len, val; };
static void put_all(int fd, const void *p, size_t n) {
    for (size_t d = 0; d < n;) {
        ssize_t k = send(fd, (const char *)p + d, n - d, MSG_NOSIGNAL);
        if (k <= 0) { if (k < 0 && errno == EINTR) continue; return; }
        d += (size_t)k;
    }
}
/* ---------------- a simple FIFO: mutex + condvar, drained in batches */
struct item { int fd; struct msg m; };
struct fifo { pthread_mutex_t m; pthread_cond_t cv; int n, sleepers; struct item q[QCAP]; };
static void fifo_put(struct fifo *f, const struct item *it, int n) {
    pthread_mutex_lock(&f->m);
    if (f->n + n > QCAP) peer_die("fifo full");
    memcpy(f->q + f->n, it, (size_t)n * sizeof *it);
    f->n += n;
    int wake = f->sleepers > 0;
    pthread_mutex_unlock(&f->m);
    if (wake) pthread_cond_signal(&f->cv);
}
static int fifo_take(struct fifo *f, struct item *out) {
    pthread_mutex_lock(&f->m);
    while (!f->n) { f->sleepers++; pthread_cond_wait(&f->cv, &f->m); f->sleepers--; }
    int n = f->n;
    memcpy(out, f->q, (size_t)n * sizeof *out);
    f->n = 0;
    pthread_mutex_unlock(&f->m);
    return n;
}
/* ---------------- server */
static int flag(const char *n) { const char *s = getenv(n); return s && *s == '1'; }
static void answer(int fd, const struct item *it, int n) {
    struct msg out[256];
    for (int i = 0; i < n; i++) {
        out[i] = it[i].m;
        out[i].val = htonl(ntohl(it[i].m.val) + 1);
    }
    put_all(fd, out, (size_t)n * MSG);
}
static struct fifo jobs = {.m = PTHREAD_MUTEX_INITIALIZER, .cv = PTHREAD_COND_INITIALIZER};
static void *dispatcher(void *arg) {
    (void)arg;
    struct item *b = malloc(QCAP * sizeof *b);
    struct msg *out = malloc(QCAP * MSG);
    for (;;) {
        int n = fifo_take(&jobs, b);
        for (int i = 0; i < n;) { /* one send() per run of the same conn */
            int k = 0, fd = b[i].fd;
            for (; i < n && b[i].fd == fd; i++) {
                out[k] = b[i].m;
                out[k++].val = htonl(ntohl(b[i].m.val) + 1);
            }
            put_all(fd, out, (size_t)k * MSG);
        }
    }
    return NULL;
}
struct rx { int fd; size_t have, drain; struct msg put; char buf[4096]; };
static char *big;
/* read once; queue whole messages; 0 when the peer is gone */
static int rx_pump(struct rx *r, struct item *it, int *n) {
    *n = 0;
    if (r->drain) {
        ssize_t k = recv(r->fd, big, r->drain < (1 << 20) ? r->drain : 1 << 20, 0);
        if (k <= 0) return k < 0 && errno == EAGAIN;
        r->drain -= (size_t)k;
        if (!r->drain) { it[0] = (struct item){r->fd, r->put}; it[0].m.val = htonl(ntohl(r->put.len) - 1); it[0].m.cmd = 0; *n = 1; }
        return 1;
    }
    ssize_t k = recv(r->fd, r->buf + r->have, sizeof r->buf - r->have, 0);
    if (k <= 0) return k < 0 && errno == EAGAIN;
    r->have += (size_t)k;
    size_t off = 0;
    for (; r->have - off >= MSG; off += MSG) {
        memcpy(&it[*n].m, r->buf + off, MSG);
        it[*n].fd = r->fd;
        if (it[*n].m.cmd == htonl(2)) {
            r->put = it[*n].m;
            r->drain = ntohl(r->put.len) - (r->have - off - MSG);
            r->have = 0;
            return 1;
        }
        ++*n;
    }
    memmove(r->buf, r->buf + off, r->have - off);
    r->have -= off;
    return 1;
}
void peer_server(int port, const char *wl) {
    (void)wl;
    int lfd = peer_listen(&port), ep = epoll_create1(0);
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = NULL}, evs[64];
    struct item it[256];
    const char *s = getenv("RAWHOP_DISP");
    int inl = flag("RAWHOP_INLINE");
    big = malloc(1 << 20);
    for (int i = s ? atoi(s) : 1; i > 0; i--) {
        pthread_t t;
        pthread_create(&t, NULL, dispatcher, NULL);
    }
    epoll_ctl(ep, EPOLL_CTL_ADD, lfd, &ev);
    peer_ready(port);
    for (;;) {
        int n = epoll_wait(ep, evs, 64, -1), k;
        for (int i = 0; i < n; i++) {
            struct rx *r = evs[i].data.ptr;
            if (!r) {
                r = calloc(1, sizeof *r);
                /* blocking socket, level-triggered: one recv per event */
                r->fd = accept4(lfd, NULL, NULL, SOCK_CLOEXEC);
                ev.data.ptr = r;
                epoll_ctl(ep, EPOLL_CTL_ADD, r->fd, &ev);
            } else if (!rx_pump(r, it, &k)) {
                close(r->fd);
                free(r);
            } else if (k && inl)
                answer(r->fd, it, k);
            else if (k)
                fifo_put(&jobs, it, k);
        }
    }
}
/* ---------------- client */
struct conn {
    struct rx r;
    pthread_mutex_t m;
    pthread_cond_t cv;
    int got;
    uint32_t val;
};
static int cep = -1;
static volatile int piping;
static struct fifo evq = {.m = PTHREAD_MUTEX_INITIALIZER, .cv = PTHREAD_COND_INITIALIZER};
static void *client_io(void *arg) {
    (void)arg;
    struct epoll_event evs[64];
    struct item it[256];
    for (;;) {
        int n = epoll_wait(cep, evs, 64, -1), k;
        for (int i = 0; i < n; i++) {
            struct conn *c = evs[i].data.ptr;
            if (!rx_pump(&c->r, it, &k)) peer_die("client io");
            if (!k) continue;
            if (piping) { fifo_put(&evq, it, k); continue; }
            pthread_mutex_lock(&c->m);
            c->val = ntohl(it[k - 1].m.val);
            c->got = 1;
            pthread_mutex_unlock(&c->m);
            pthread_cond_signal(&c->cv);
        }
    }
    return NULL;
}
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int caller_reads;
static void client_start(void) {
    caller_reads = flag("RAWHOP_CALLER");
    pthread_t t;
    cep = epoll_create1(0);
    pthread_create(&t, NULL, client_io, NULL);
}
void *peer_open(int port, const char *wl) {
    (void)wl;
    pthread_once(&once, client_start);
    struct conn *c = calloc(1, sizeof *c);
    pthread_mutex_init(&c->m, NULL);
    pthread_cond_init(&c->cv, NULL);
    c->r.fd = peer_connect(port);
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
    if (!caller_reads) epoll_ctl(cep, EPOLL_CTL_ADD, c->r.fd, &ev);
    return c;
}
static uint32_t wait_reply(struct conn *c) {
    pthread_mutex_lock(&c->m);
    while (!c->got) pthread_cond_wait(&c->cv, &c->m);
    c->got = 0;
    uint32_t v = c->val;
    pthread_mutex_unlock(&c->m);
    return v;
}
int32_t peer_call(void *p, int32_t x) {
    struct conn *c = p;
    struct msg m = {0, 0, htonl(1), htonl(4), htonl((uint32_t)x)};
    put_all(c->r.fd, &m, MSG);
    if (caller_reads) {
        if (recv(c->r.fd, &m, MSG, MSG_WAITALL) != MSG) peer_die("reply");
        return (int32_t)ntohl(m.val);
    }
    return (int32_t)wait_reply(c);
}
void peer_put(void *p, const void *d, size_t n) {
    struct conn *c = p;
    struct msg m = {0, 0, htonl(2), htonl((uint32_t)n), 0};
    struct iovec iov[2] = {{&m, MSG}, {(void *)d, n}};
    ssize_t k = writev(c->r.fd, iov, 2);
    if (k < MSG) peer_die("writev");
    put_all(c->r.fd, (const char *)d + (k - MSG), n - (size_t)(k - MSG));
    if (wait_reply(c) != n) peer_die("put reply");
}
void peer_pipeline(void *p, int window, uint64_t total) {
    struct conn *c = p;
    struct msg *out = calloc((size_t)window, MSG);
    struct item *b = malloc(QCAP * sizeof *b);
    uint64_t sent = 0, done = 0, sum = 0, want = 0;
    piping = 1;
    while (done < total) { /* this thread is the event thread */
        uint64_t k = (uint64_t)window - (sent - done);
        if (k > total - sent) k = total - sent;
        for (uint64_t i = 0; i < k; i++, sent++) {
            out[i] = (struct msg){htonl((uint32_t)sent), 0, htonl(1), htonl(4), htonl((uint32_t)sent)};
            want += (uint32_t)sent + 1;
        }
        if (k) put_all(c->r.fd, out, k * MSG);
        int n = fifo_take(&evq, b);
        for (int i = 0; i < n; i++) sum += ntohl(b[i].m.val);
        done += (uint64_t)n;
    }
    piping = 0;
    if (sum != want) peer_die("pipeline sum");
    free(out);
    free(b);
}
