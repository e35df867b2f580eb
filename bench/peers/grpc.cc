// gRPC C++.  -DCB_SERVER: callback-API server, else the
// synchronous server (library's own thread pool).  Client: blocking stub for
// w1/w3/w4/w5, callback API for w2.  Each conn is its own channel with a
// private subchannel pool, so it is its own TCP connection.
#include "peer.h"
#include "bench.grpc.pb.h"
#include <grpcpp/grpcpp.h>
#include <condition_variable>
#include <mutex>
#include <string>

template <class Fill> static grpc::ServerUnaryReactor *finish(grpc::CallbackServerContext *ctx, Fill f) {
    f();
    auto *r = ctx->DefaultReactor();
    r->Finish(grpc::Status::OK);
    return r;
}
#ifdef CB_SERVER
struct Impl final : bench::Echo::CallbackService {
    grpc::ServerUnaryReactor *Add(grpc::CallbackServerContext *x, const bench::Int *q, bench::Int *r) override {
        return finish(x, [&] { r->set_v(q->v() + 1); });
    }
    grpc::ServerUnaryReactor *Put(grpc::CallbackServerContext *x, const bench::Blob *q, bench::Int *r) override {
        return finish(x, [&] { r->set_v((int)q->data().size()); });
    }
};
#else
struct Impl final : bench::Echo::Service {
    grpc::Status Add(grpc::ServerContext *, const bench::Int *q, bench::Int *r) override {
        r->set_v(q->v() + 1);
        return grpc::Status::OK;
    }
    grpc::Status Put(grpc::ServerContext *, const bench::Blob *q, bench::Int *r) override {
        r->set_v((int)q->data().size());
        return grpc::Status::OK;
    }
};
#endif
void peer_server(int port, const char *) {
    Impl impl;
    grpc::ServerBuilder b;
    b.AddListeningPort("127.0.0.1:" + std::to_string(port), grpc::InsecureServerCredentials());
    b.RegisterService(&impl);
    auto s = b.BuildAndStart();
    if (!s) peer_die("grpc server");
    peer_ready(port);
    s->Wait();
}
struct Conn {
    std::shared_ptr<grpc::Channel> ch;
    std::unique_ptr<bench::Echo::Stub> stub;
};
void *peer_open(int port, const char *) {
    grpc::ChannelArguments a;
    a.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    a.SetInt("grpc.enable_http_proxy", 0);
    auto *c = new Conn;
    c->ch = grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(port), grpc::InsecureChannelCredentials(), a);
    c->stub = bench::Echo::NewStub(c->ch);
    return c;
}
int32_t peer_call(void *c, int32_t x) {
    grpc::ClientContext ctx;
    bench::Int q, r;
    q.set_v(x);
    auto s = static_cast<Conn *>(c)->stub->Add(&ctx, q, &r);
    if (!s.ok()) peer_die(s.error_message().c_str());
    return r.v();
}
void peer_put(void *c, const void *p, size_t n) {
    grpc::ClientContext ctx;
    bench::Blob q;
    bench::Int r;
    q.set_data(p, n);
    auto s = static_cast<Conn *>(c)->stub->Put(&ctx, q, &r);
    if (!s.ok() || (size_t)r.v() != n) peer_die(s.error_message().c_str());
}
struct Pipe {
    Conn *c;
    std::mutex m;
    std::condition_variable cv;
    uint64_t issued = 0, done = 0, total = 0;
};
struct Call {
    Pipe *p;
    std::unique_ptr<grpc::ClientContext> ctx;
    bench::Int q, r;
    void go() {
        ctx.reset(new grpc::ClientContext);
        p->c->stub->async()->Add(ctx.get(), &q, &r, [this](grpc::Status s) {
            if (!s.ok() || r.v() != q.v() + 1) peer_die("grpc async");
            bool again;
            {
                std::lock_guard<std::mutex> g(p->m);
                if (++p->done == p->total) p->cv.notify_one();
                again = p->issued < p->total;
                if (again) q.set_v((int32_t)p->issued++);
            }
            if (again) go();
        });
    }
};
void peer_pipeline(void *c, int window, uint64_t total) {
    Pipe p;
    p.c = static_cast<Conn *>(c);
    p.total = total;
    std::vector<Call> calls(window);
    p.issued = (uint64_t)window;
    if (total < p.issued) p.issued = total;
    uint64_t first = p.issued;
    for (uint64_t i = 0; i < first; i++) {
        calls[i].p = &p;
        calls[i].q.set_v((int32_t)i);
        calls[i].go();
    }
    std::unique_lock<std::mutex> l(p.m);
    p.cv.wait(l, [&] { return p.done == total; });
    l.unlock();
    // the last callback may still be leaving its lambda
    struct timespec ts = {0, 2000000};
    nanosleep(&ts, nullptr);
}
