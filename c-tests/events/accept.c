/* PROTO: test.mx */
/* accept is a connection's first event; what it returns becomes the cookie. */
#include "extra_rt.h"

#include <arpa/inet.h>

static struct trace trace = TRACE_INIT;
static struct counter accepted = COUNTER_INIT, asked = COUNTER_INIT, gate = COUNTER_INIT;
static struct mrpc_connection *last;
static void *expect_set_data, *cookie, *seen_cookie, *end_cookie;
static bool release;
static struct sockaddr_storage from_copy;
static socklen_t from_copy_len;
static struct counter ended = COUNTER_INIT;

static mrpc_status_t ping(void *data, struct mrpc_message *msg)
{
	(void)msg;
	seen_cookie = data;
	trace_add(&trace, 2);
	counter_add(&asked, 1);
	return MINIRPC_OK;
}

static const struct test_server_operations ops = { .ping = ping };

static void *on_accept(void *set_data, struct mrpc_connection *conn, struct sockaddr *from,
		       socklen_t from_len)
{
	CHECK_PTR(set_data, expect_set_data);
	CHECK(from != NULL);
	memcpy(&from_copy, from, from_len);
	from_copy_len = from_len;
	trace_add(&trace, 1);
	last = conn;
	CHECK_EQ(test_server_set_operations(conn, &ops), 0);
	counter_add(&accepted, 1);
	if (release) {
		CHECK_EQ(mrpc_release_event(), 0);
		COUNTER_WAIT(&gate, 1);
	}
	return cookie;
}

static void on_disconnect(void *data, enum mrpc_disc_reason reason)
{
	CHECK_EQ(reason, MRPC_DISC_CLOSED);
	end_cookie = data;
	trace_add(&trace, 3);
	counter_add(&ended, 1);
}

/* One connection from the start to its end. */
static void one(const char *port, void *returns)
{
	int fd;

	trace_clear(&trace);
	counter_init(&ended);
	cookie = returns;
	fd = peer_connect(port);
	/* There before anybody could have accepted. */
	peer_send(fd, 5, PENDING, nr_test_ping, NULL, 0);
	PEER_EXPECT(fd, 5, MINIRPC_OK, nr_test_ping, NULL, 0);
	CHECK_PTR(seen_cookie, returns);
	close(fd);
	COUNTER_WAIT(&ended, 1);
	TRACE_IS(&trace, 1, 2, 3);
	CHECK_PTR(end_cookie, returns);
	mrpc_conn_unref(last);
}

static void check_from(int fd)
{
	struct sockaddr_storage own;
	socklen_t len = sizeof(own);

	REQUIRE_EQ(getsockname(fd, (struct sockaddr *)&own, &len), 0);
	CHECK_EQ(from_copy_len, len);
	CHECK_EQ(from_copy.ss_family, own.ss_family);
	if (own.ss_family == AF_INET) {
		const struct sockaddr_in *a = (void *)&own, *b = (void *)&from_copy;

		CHECK_EQ(a->sin_port, b->sin_port);
		CHECK_EQ(a->sin_addr.s_addr, b->sin_addr.s_addr);
	}
}

int main(void)
{
	struct mrpc_conn_set *set;
	struct leaks leaks;
	char *port = NULL;
	int value, fd;

	leaks_begin(&leaks);
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_server, NULL), 0);
	expect_set_data = set;          /* no data: the handle */
	REQUIRE_EQ(mrpc_set_accept_func(set, on_accept), 0);
	REQUIRE_EQ(mrpc_set_disconnect_func(set, on_disconnect), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	REQUIRE_EQ(mrpc_listen(set, AF_INET, "127.0.0.1", &port), 0);

	SECTION("accept, request, disconnect; the returned cookie");
	one(port, &value);
	SECTION("a returned NULL is the cookie, too");
	one(port, NULL);

	SECTION("from is the peer's address");
	counter_init(&accepted);
	counter_init(&ended);
	cookie = &value;
	fd = peer_connect(port);
	COUNTER_WAIT(&accepted, 1);
	check_from(fd);
	close(fd);
	COUNTER_WAIT(&ended, 1);
	mrpc_conn_unref(last);

	SECTION("until accept has returned, the cookie is the handle");
	release = true;
	counter_init(&accepted);
	counter_init(&asked);
	counter_init(&ended);
	fd = peer_connect(port);
	COUNTER_WAIT(&accepted, 1);
	peer_send(fd, 1, PENDING, nr_test_ping, NULL, 0);
	PEER_EXPECT(fd, 1, MINIRPC_OK, nr_test_ping, NULL, 0);
	CHECK_PTR(seen_cookie, last);
	counter_add(&gate, 1);
	WAIT_FOR((peer_send(fd, 2, PENDING, nr_test_ping, NULL, 0),
		  PEER_EXPECT(fd, 2, MINIRPC_OK, nr_test_ping, NULL, 0),
		  seen_cookie == &value));
	close(fd);
	COUNTER_WAIT(&ended, 1);
	CHECK_PTR(end_cookie, &value);
	mrpc_conn_unref(last);

	SECTION("the set's data");
	mrpc_listen_close(set);
	mrpc_conn_set_unref(set);
	free(port);
	port = NULL;
	release = false;
	expect_set_data = &leaks;
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_server, &leaks), 0);
	REQUIRE_EQ(mrpc_set_accept_func(set, on_accept), 0);
	REQUIRE_EQ(mrpc_set_disconnect_func(set, on_disconnect), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	REQUIRE_EQ(mrpc_listen(set, AF_INET, "127.0.0.1", &port), 0);
	one(port, &value);
	mrpc_listen_close(set);
	mrpc_conn_set_unref(set);
	free(port);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
