/* PROTO: test.mx */
/* NEEDS: additions tls openssl */
/* LIBS: -lminirpc-tls */
/* MODES: plain asan (memcheck takes what the ciphers have written for uninitialised) */
/*
 * mrpc_set_proxy_protocol with TLS behind it: the header comes first, in the clear, and the
 * handshake after it; the address is the header's. TLS without a header is refused, and so is
 * a header without TLS.
 */
#include "tls.h"

#include "../proxy/proxy.h"

static struct mrpc_conn_set *client_set;

/* A connection whose socket has sent a header, or has not; mrpc_bind_fd's result. */
static int bind_new(struct mrpc_connection **conn, const void *data, size_t len)
{
	int fd = peer_connect(gate.port), result;

	peer_write(fd, data, len);
	REQUIRE_EQ(mrpc_conn_create(conn, client_set, NULL), 0);
	result = mrpc_bind_fd(*conn, fd);
	if (result != 0)
		close(fd);
	return result;
}

static void drop(struct mrpc_connection *conn)
{
	mrpc_conn_close(conn);
	mrpc_conn_unref(conn);
}

int main(void)
{
	struct mrpc_tls *tls = tls_new("p256", NULL);
	struct mrpc_connection *conn;
	struct sockaddr_in *from;
	unsigned char bytes[100];
	struct leaks leaks;
	char text[16];
	size_t len;
	int fd;

	leaks_begin(&leaks);
	gate_open();
	TLS_OK(tls, mrpc_set_tls(gate.set, tls));
	mrpc_tls_unref(tls);
	tls = tls_new(NULL, "ca.pem");
	TLS_OK(tls, mrpc_tls_set_server_name(tls, "localhost"));
	REQUIRE_EQ(mrpc_conn_set_create(&client_set, test_client, NULL), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(client_set), 0);
	TLS_OK(tls, mrpc_set_tls(client_set, tls));
	mrpc_tls_unref(tls);
	len = header(bytes, PROXY, TCP4, v4, sizeof(v4));

	SECTION("a header, and TLS behind it");
	REQUIRE_EQ(bind_new(&conn, bytes, len), 0);
	CHECK_EQ(test_ping(conn), MINIRPC_OK);
	from = (struct sockaddr_in *)&gate.from;
	CHECK_STR(inet_ntop(AF_INET, &from->sin_addr, text, sizeof(text)), "192.0.2.1");
	CHECK_EQ(ntohs(from->sin_port), 40000);
	drop(conn);
	COUNTER_WAIT(&gate.ended, 1);

	SECTION("TLS without a header");
	forget_steps(&steps);
	CHECK(bind_new(&conn, "", 0) != 0 || test_ping(conn) == MINIRPC_NETWORK_FAILURE);
	CHECK(strstr(wait_step(&steps, MRPC_TRACE_ERROR, 0).text,
		     "it does not begin with a PROXY header") != NULL);
	drop(conn);

	SECTION("a header without TLS");
	fd = peer_connect(gate.port);
	peer_write(fd, bytes, len);
	peer_send(fd, 7, PENDING, nr_test_ping, NULL, 0);
	while (recv(fd, text, sizeof(text), 0) > 0)
		;
	close(fd);
	CHECK_EQ(counter_get(&gate.accepted), 1);

	SECTION("nothing is left");
	mrpc_conn_set_unref(client_set);
	gate_close();
	LEAKS_CHECK(&leaks);
	return tap_done();
}
