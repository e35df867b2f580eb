// The exchange's server, with gRPC.

#include <iostream>
#include <memory>
#include <string>

#include <grpcpp/grpcpp.h>

#include "stock.grpc.pb.h"

class Service final : public exchange::Stock::Service {
    grpc::Status Price(grpc::ServerContext *, const exchange::Symbol *in,
                       exchange::Quote *out) override
    {
        if (in->name() != "ACME")
            return grpc::Status(grpc::StatusCode::NOT_FOUND, "not traded here");
        out->set_name(in->name());
        out->set_cents(12050);
        return grpc::Status::OK;
    }

    grpc::Status Watch(grpc::ServerContext *, const exchange::Symbol *in,
                       grpc::ServerWriter<exchange::Quote> *stream) override
    {
        exchange::Quote quote;

        quote.set_name(in->name());
        for (int i = 1; i <= 3; i++) {
            quote.set_cents(12050 + i);
            if (!stream->Write(quote))
                break;
        }
        return grpc::Status::OK;
    }
};

int main()
{
    Service service;
    grpc::ServerBuilder builder;
    int port = 0;

    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&service);
    std::unique_ptr<grpc::Server> server(builder.BuildAndStart());
    std::cout << "port " << port << std::endl;
    server->Wait();
}
