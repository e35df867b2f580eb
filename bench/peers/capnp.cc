// Cap'n Proto RPC (two-party, EzRpc).  Server: one thread, one
// KJ event loop.  Client: one event loop per client thread; a connection belongs
// to the loop of the thread that made it, so it is made by its first call.
#include "peer.h"
#include "echo.capnp.h"
#include <capnp/ez-rpc.h>
#include <kj/async.h>
#include <memory>

struct EchoImpl final : Echo::Server {
    kj::Promise<void> add(AddContext c) override {
        c.getResults().setY(c.getParams().getX() + 1);
        return kj::READY_NOW;
    }
    kj::Promise<void> put(PutContext c) override {
        c.getResults().setN((int)c.getParams().getData().size());
        return kj::READY_NOW;
    }
};
void peer_server(int port, const char *) {
    capnp::EzRpcServer s(kj::heap<EchoImpl>(), "127.0.0.1", (unsigned)port);
    auto &w = s.getWaitScope();
    s.getPort().wait(w);
    peer_ready(port);
    kj::NEVER_DONE.wait(w);
}
struct Live {
    capnp::EzRpcClient ez;
    Echo::Client cap;
    explicit Live(int port) : ez("127.0.0.1", (unsigned)port), cap(ez.getMain<Echo>()) {}
};
struct Conn {
    int port;
    std::unique_ptr<Live> made;
    Live &live() {
        if (!made) made.reset(new Live(port));
        return *made;
    }
};
void *peer_open(int port, const char *) { return new Conn{port, nullptr}; }
int32_t peer_call(void *p, int32_t x) {
    auto &c = static_cast<Conn *>(p)->live();
    auto rq = c.cap.addRequest();
    rq.setX(x);
    return rq.send().wait(c.ez.getWaitScope()).getY();
}
void peer_put(void *p, const void *d, size_t n) {
    auto &c = static_cast<Conn *>(p)->live();
    auto rq = c.cap.putRequest(capnp::MessageSize{n / 8 + 64, 1});
    rq.setData(kj::arrayPtr(static_cast<const kj::byte *>(d), n));
    if ((size_t)rq.send().wait(c.ez.getWaitScope()).getN() != n) peer_die("capnp put");
}
struct Pipe final : kj::TaskSet::ErrorHandler {
    Live &c;
    uint64_t issued = 0, done = 0, total;
    kj::Own<kj::PromiseFulfiller<void>> fin;
    kj::TaskSet tasks;
    Pipe(Live &c_, uint64_t t) : c(c_), total(t), tasks(*this) {}
    void taskFailed(kj::Exception &&e) override { peer_die(e.getDescription().cStr()); }
    void next() {
        int32_t x = (int32_t)issued++;
        auto rq = c.cap.addRequest();
        rq.setX(x);
        tasks.add(rq.send().then([this, x](capnp::Response<Echo::AddResults> &&r) {
            if (r.getY() != x + 1) peer_die("capnp reply");
            if (++done == total) fin->fulfill();
            else if (issued < total) next();
        }));
    }
};
void peer_pipeline(void *p, int window, uint64_t total) {
    auto &c = static_cast<Conn *>(p)->live();
    Pipe pipe(c, total);
    auto paf = kj::newPromiseAndFulfiller<void>();
    pipe.fin = kj::mv(paf.fulfiller);
    for (int i = 0; i < window && pipe.issued < total; i++) pipe.next();
    paf.promise.wait(c.ez.getWaitScope());
}
