// Apache Thrift C++, TBinaryProtocol.
// default: TThreadedServer (thread per connection), TBufferedTransport.
// -DNB: TNonblockingServer (1 libevent I/O thread, no pool), TFramedTransport.
// w2: send_add()/recv_add() of the generated client, in order.
#include "peer.h"
#include "Echo.h"
#include <thrift/protocol/TBinaryProtocol.h>
#include <thrift/server/TThreadedServer.h>
#include <thrift/transport/TBufferTransports.h>
#include <thrift/transport/TServerSocket.h>
#include <thrift/transport/TSocket.h>
#ifdef NB
#include <thrift/server/TNonblockingServer.h>
#include <thrift/transport/TNonblockingServerSocket.h>
#endif
using namespace apache::thrift;
using namespace apache::thrift::protocol;
using namespace apache::thrift::transport;
using namespace apache::thrift::server;
struct Impl final : bench::EchoIf {
    int32_t add(const int32_t x) override { return x + 1; }
    int32_t put(const std::string &d) override { return (int32_t)d.size(); }
};
struct Ready final : TServerEventHandler {
    int port;
    explicit Ready(int p) : port(p) {}
    void preServe() override { peer_ready(port); }
};
#ifdef NB
using Server = TNonblockingServer;
using ServerSock = TNonblockingServerSocket;
#else
using Server = TThreadedServer;
using ServerSock = TServerSocket;
#endif
// the plain-virtual TBinaryProtocol is what most users write; the templated
// TBinaryProtocolT<Transport> would save some virtual calls
// w4 only: the default TBufferedTransport buffer is 512 bytes, i.e. 2,048
// recv() calls per MiB; 64 KiB is what a user moving bulk data would set
[[maybe_unused]] static uint32_t buf_size(const char *wl) { return wl[1] == '4' ? 65536 : 512; }
struct BufFactory final : TTransportFactory {
    uint32_t n;
    explicit BufFactory(uint32_t n_) : n(n_) {}
    std::shared_ptr<TTransport> getTransport(std::shared_ptr<TTransport> t) override {
        return std::make_shared<TBufferedTransport>(t, n);
    }
};
void peer_server(int port, const char *wl) {
    auto proc = std::make_shared<bench::EchoProcessor>(std::make_shared<Impl>());
    auto sock = std::make_shared<ServerSock>("127.0.0.1", port);
    auto pf = std::make_shared<TBinaryProtocolFactory>();
#ifdef NB
    (void)wl;
    Server s(proc, pf, sock);
#else
    sock->setAcceptBacklog(4096);
    Server s(proc, sock, std::make_shared<BufFactory>(buf_size(wl)), pf);
#endif
    s.setServerEventHandler(std::make_shared<Ready>(port));
    s.serve();
}
struct Conn {
    std::shared_ptr<TTransport> t;
    bench::EchoClient c;
    explicit Conn(std::shared_ptr<TTransport> x) : t(x), c(std::make_shared<TBinaryProtocol>(x)) {}
};
void *peer_open(int port, const char *wl) {
    auto sock = std::make_shared<TSocket>("127.0.0.1", port);
#ifdef NB
    (void)wl;
    auto *c = new Conn(std::make_shared<TFramedTransport>(sock));
#else
    auto *c = new Conn(std::make_shared<TBufferedTransport>(sock, buf_size(wl)));
#endif
    c->t->open();
    return c;
}
int32_t peer_call(void *c, int32_t x) { return static_cast<Conn *>(c)->c.add(x); }
void peer_put(void *c, const void *p, size_t n) {
    std::string s(static_cast<const char *>(p), n);
    if ((size_t)static_cast<Conn *>(c)->c.put(s) != n) peer_die("thrift put");
}
void peer_pipeline(void *c, int window, uint64_t total) {
    auto &k = static_cast<Conn *>(c)->c;
    uint64_t sent = 0, done = 0;
    while (done < total) {
        while (sent < total && sent - done < (uint64_t)window) k.send_add((int32_t)sent++);
        if (k.recv_add() != (int32_t)done + 1) peer_die("thrift reply");
        done++;
    }
}
