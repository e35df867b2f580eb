/*
 * mrpc_conn_get_peer_address, mrpc_conn_get_local_address: what the sockets have, cut to
 * the room there is, with the whole length; ENOTCONN before there is one; kept until the
 * handle goes.
 */
/* PROTO: test.mx */
/* NEEDS: additions */
#include "harness.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>
#include "test_client.h"
#include "test_server.h"

static struct sockaddr_in in_disconnect;
static struct counter disconnects = COUNTER_INIT;

/* The cookie is the handle. */
static void on_disconnect(void *conn_data, enum mrpc_disc_reason reason)
{
	socklen_t len = sizeof(in_disconnect);

	CHECK_EQ(reason, MRPC_DISC_USER);
	CHECK_EQ(mrpc_conn_get_peer_address(conn_data, (struct sockaddr *)&in_disconnect, &len), 0);
	counter_add(&disconnects, 1);
}

static struct sockaddr_in address(struct mrpc_connection *conn, bool peer)
{
	struct sockaddr_in at;
	socklen_t len = sizeof(at);

	memset(&at, 0xee, sizeof(at));
	CHECK_EQ((peer ? mrpc_conn_get_peer_address : mrpc_conn_get_local_address)
			 (conn, (struct sockaddr *)&at, &len), 0);
	CHECK_EQ(len, sizeof(at));
	CHECK_EQ(at.sin_family, AF_INET);
	CHECK_EQ(ntohl(at.sin_addr.s_addr), INADDR_LOOPBACK);
	return at;
}

int main(void)
{
	struct mrpc_conn_set *set;
	struct mrpc_connection *conn;
	struct sockaddr_in ours, theirs;
	struct sockaddr_storage any;
	struct sockaddr_un un;
	struct leaks leaks;
	struct pair pair;
	char service[8];
	socklen_t len;
	int peer;

	leaks_begin(&leaks);
	SECTION("of TCP: each end's local address is the other's peer");
	pair_open(&pair, PAIR_TCP, test_client, test_server);
	ours = address(pair.client, false);
	theirs = address(pair.client, true);
	snprintf(service, sizeof(service), "%d", ntohs(theirs.sin_port));
	CHECK_STR(service, pair.port);
	CHECK_EQ(address(pair.server, true).sin_port, ours.sin_port);
	CHECK_EQ(address(pair.server, false).sin_port, theirs.sin_port);

	SECTION("cut to the room there is");
	memset(&any, 0xee, sizeof(any));
	len = 4;
	CHECK_EQ(mrpc_conn_get_peer_address(pair.client, (struct sockaddr *)&any, &len), 0);
	CHECK_EQ(len, sizeof(theirs));
	CHECK_MEM(&any, &theirs, 4);
	CHECK_EQ(((unsigned char *)&any)[4], 0xee);
	len = 0;
	CHECK_EQ(mrpc_conn_get_local_address(pair.client, (struct sockaddr *)&any, &len), 0);
	CHECK_EQ(len, sizeof(ours));

	SECTION("NULL is EINVAL");
	CHECK_EQ(mrpc_conn_get_peer_address(NULL, (struct sockaddr *)&any, &len), EINVAL);
	CHECK_EQ(mrpc_conn_get_peer_address(pair.client, NULL, &len), EINVAL);
	CHECK_EQ(mrpc_conn_get_peer_address(pair.client, (struct sockaddr *)&any, NULL), EINVAL);
	CHECK_EQ(mrpc_conn_get_local_address(NULL, (struct sockaddr *)&any, &len), EINVAL);
	CHECK_EQ(mrpc_conn_get_local_address(pair.client, NULL, &len), EINVAL);
	CHECK_EQ(mrpc_conn_get_local_address(pair.client, (struct sockaddr *)&any, NULL), EINVAL);
	pair_close(&pair);

	SECTION("ENOTCONN before there is one");
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_client, NULL), 0);
	REQUIRE_EQ(mrpc_set_disconnect_func(set, on_disconnect), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	REQUIRE_EQ(mrpc_conn_create(&conn, set, NULL), 0);
	len = sizeof(any);
	CHECK_EQ(mrpc_conn_get_peer_address(conn, (struct sockaddr *)&any, &len), ENOTCONN);
	CHECK_EQ(mrpc_conn_get_local_address(conn, (struct sockaddr *)&any, &len), ENOTCONN);
	CHECK_EQ(len, sizeof(any));

	SECTION("in the disconnect callback, and after it");
	peer = peer_listen(service);
	REQUIRE_EQ(mrpc_connect(conn, AF_INET, NULL, service), 0);
	CHECK_EQ(mrpc_conn_close(conn), 0);
	COUNTER_WAIT(&disconnects, 1);
	CHECK_EQ(ntohs(in_disconnect.sin_port), atoi(service));
	CHECK_EQ(ntohs(address(conn, true).sin_port), atoi(service));
	mrpc_conn_unref(conn);
	close(peer);

	SECTION("of a socketpair: a family and no name");
	REQUIRE_EQ(mrpc_conn_create(&conn, set, NULL), 0);
	peer = peer_bind(conn);
	len = sizeof(un);
	CHECK_EQ(mrpc_conn_get_peer_address(conn, (struct sockaddr *)&un, &len), 0);
	CHECK_EQ(len, offsetof(struct sockaddr_un, sun_path));
	CHECK_EQ(un.sun_family, AF_UNIX);
	CHECK_EQ(mrpc_conn_close(conn), 0);
	COUNTER_WAIT(&disconnects, 2);
	mrpc_conn_unref(conn);
	close(peer);

	SECTION("nothing is left");
	mrpc_conn_set_unref(set);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
