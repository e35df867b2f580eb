// Asks the exchange, with gRPC. Usage: client PORT

#include <chrono>
#include <iostream>
#include <memory>
#include <string>

#include <grpcpp/grpcpp.h>

#include "stock.grpc.pb.h"

static void price(exchange::Stock::Stub &stock, const std::string &name)
{
    grpc::ClientContext context;
    exchange::Symbol in;
    exchange::Quote out;

    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(2));
    in.set_name(name);
    grpc::Status status = stock.Price(&context, in, &out);
    if (status.ok())
        std::cout << out.name() << ": " << out.cents() << std::endl;
    else if (status.error_code() == grpc::StatusCode::NOT_FOUND)
        std::cout << name << " is not traded here" << std::endl;
    else
        std::cout << status.error_message() << std::endl;
}

static void watch(exchange::Stock::Stub &stock, const std::string &name)
{
    grpc::ClientContext context;
    exchange::Symbol in;
    exchange::Quote quote;

    in.set_name(name);
    auto stream = stock.Watch(&context, in);
    while (stream->Read(&quote))
        std::cout << "now " << quote.cents() << std::endl;
    if (stream->Finish().ok())
        std::cout << "the end" << std::endl;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    auto channel = grpc::CreateChannel("127.0.0.1:" + std::string(argv[1]),
                                       grpc::InsecureChannelCredentials());
    auto stock = exchange::Stock::NewStub(channel);
    price(*stock, "ACME");
    price(*stock, "NONE");
    watch(*stock, "ACME");
}
