// A client and a server in C++; built and run by ../cxx.c.
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include <minirpc/minirpc.h>

#include "test_client.h"
#include "test_server.h"

#define EXPECT(cond) do { \
	if (!(cond)) { \
		std::printf("# line %d: %s\n", __LINE__, #cond); \
		std::exit(1); \
	} \
} while (0)

namespace {

struct Counter {
	std::mutex lock;
	std::condition_variable changed;
	int n = 0;

	void add()
	{
		std::lock_guard<std::mutex> guard(lock);
		n++;
		changed.notify_all();
	}
	void wait(int least)
	{
		std::unique_lock<std::mutex> guard(lock);
		changed.wait(guard, [&] { return n >= least; });
	}
};

Counter ended, replied;

mrpc_status_t add(void *, mrpc_message *, operands *in, number *out)
{
	*out = in->a + in->b;
	return MINIRPC_OK;
}

mrpc_status_t describe(void *, mrpc_message *, record *in, record *out)
{
	*out = *in;
	std::memset(in, 0, sizeof(*in));
	return MINIRPC_OK;
}

void *accepted(void *set_data, mrpc_connection *conn, sockaddr *, socklen_t)
{
	EXPECT(test_server_set_operations(conn, static_cast<test_server_operations *>(set_data)) == 0);
	mrpc_conn_unref(conn);
	return &ended;
}

void disconnected(void *data, mrpc_disc_reason)
{
	static_cast<Counter *>(data)->add();
}

void on_add(void *, void *data, mrpc_status_t status, number *reply)
{
	EXPECT(status == MINIRPC_OK && *reply == 3);
	static_cast<Counter *>(data)->add();
}

} // namespace

int main()
{
	test_server_operations ops = test_server_operations();
	mrpc_conn_set *server = nullptr, *client = nullptr;
	mrpc_connection *conn = nullptr;
	char *port = nullptr;
	operands in = { 1, 2 };
	number *sum = nullptr;
	int values[] = { 4, 5 };
	char name[] = "name";
	record rec = record(), *out = nullptr;

	ops.add = add;
	ops.describe = describe;
	EXPECT(mrpc_conn_set_create(&server, test_server, &ops) == 0);
	EXPECT(mrpc_conn_set_create(&client, test_client, nullptr) == 0);
	EXPECT(mrpc_set_accept_func(server, accepted) == 0);
	EXPECT(mrpc_set_disconnect_func(server, disconnected) == 0);
	EXPECT(mrpc_set_disconnect_func(client, disconnected) == 0);
	EXPECT(mrpc_start_dispatch_thread(server) == 0);
	EXPECT(mrpc_start_dispatch_thread(client) == 0);
	EXPECT(mrpc_listen(server, AF_INET, "127.0.0.1", &port) == 0);
	EXPECT(mrpc_conn_create(&conn, client, &ended) == 0);
	EXPECT(mrpc_connect(conn, AF_INET, "127.0.0.1", port) == 0);

	EXPECT(test_add(conn, &in, &sum) == MINIRPC_OK && *sum == 3);
	free_number(sum, 1);
	EXPECT(test_add_async(conn, on_add, &replied, &in) == MINIRPC_OK);
	replied.wait(1);
	rec.name = name;
	rec.tint = BLUE;
	rec.values.values_len = 2;
	rec.values.values_val = values;
	EXPECT(test_describe(conn, &rec, &out) == MINIRPC_OK);
	EXPECT(std::strcmp(out->name, "name") == 0 && out->values.values_val[1] == 5);
	free_record(out, 1);

	EXPECT(mrpc_conn_close(conn) == 0);
	ended.wait(2);
	mrpc_conn_unref(conn);
	mrpc_listen_close(server);
	mrpc_conn_set_unref(server);
	mrpc_conn_set_unref(client);
	std::free(port);
	return 0;
}
