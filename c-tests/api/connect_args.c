/* mrpc_connect: what it refuses, and its defaults. */
/* PROTO: test.mx */
#include "fds.h"

#include "test_client.h"
#include "test_server.h"

static struct counter accepted = COUNTER_INIT;

static void *on_accept(void *set_data, struct mrpc_connection *conn,
		       struct sockaddr *from, socklen_t from_len)
{
	(void)set_data;
	(void)from;
	(void)from_len;
	mrpc_conn_close(conn);
	mrpc_conn_unref(conn);
	counter_add(&accepted, 1);
	return NULL;
}

int main(void)
{
	struct mrpc_conn_set *client, *server;
	struct mrpc_connection *conn, *wrong;
	char *port = NULL;
	struct leaks leaks;
	int fd;

	leaks_begin(&leaks);
	REQUIRE_EQ(mrpc_conn_set_create(&client, test_client, NULL), 0);
	REQUIRE_EQ(mrpc_conn_set_create(&server, test_server, NULL), 0);
	REQUIRE_EQ(mrpc_set_accept_func(server, on_accept), 0);
	REQUIRE_EQ(mrpc_listen(server, AF_INET, "127.0.0.1", &port), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(server), 0);
	REQUIRE_EQ(mrpc_conn_create(&conn, client, NULL), 0);

	SECTION("EINVAL: NULL connection or service");
	CHECK_EQ(mrpc_connect(NULL, AF_INET, "127.0.0.1", port), EINVAL);
	CHECK_EQ(mrpc_connect(conn, AF_INET, "127.0.0.1", NULL), EINVAL);
	CHECK_EQ(mrpc_connect(conn, AF_INET, NULL, NULL), EINVAL);

	SECTION("EINVAL: a server-role set");
	REQUIRE_EQ(mrpc_conn_create(&wrong, server, NULL), 0);
	CHECK_EQ(mrpc_connect(wrong, AF_INET, "127.0.0.1", port), EINVAL);
	mrpc_conn_unref(wrong);

	SECTION("host NULL is loopback");
	CHECK_EQ(mrpc_connect(conn, AF_INET, NULL, port), 0);
	COUNTER_WAIT(&accepted, 1);

	SECTION("EINVAL: already connected");
	CHECK_EQ(mrpc_connect(conn, AF_INET, NULL, port), EINVAL);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_EQ(mrpc_connect(conn, AF_INET, "127.0.0.1", port), EINVAL);
	close(fd);

	SECTION("EINVAL: connected and closed; a handle serves once");
	CHECK_EQ(mrpc_conn_close(conn), 0);
	CHECK_EQ(mrpc_connect(conn, AF_INET, NULL, port), EINVAL);
	mrpc_conn_unref(conn);

	SECTION("AF_UNSPEC, a host name and a service name");
	REQUIRE_EQ(mrpc_conn_create(&conn, client, NULL), 0);
	CHECK_EQ(mrpc_connect(conn, AF_UNSPEC, "localhost", port), 0);
	COUNTER_WAIT(&accepted, 2);
	CHECK_EQ(mrpc_conn_close(conn), 0);
	mrpc_conn_unref(conn);

	SECTION("nothing is left");
	mrpc_start_dispatch_thread(client);
	mrpc_listen_close(server);
	mrpc_conn_set_unref(client);
	mrpc_conn_set_unref(server);
	free(port);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
