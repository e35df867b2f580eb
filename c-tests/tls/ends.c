/* NEEDS: additions tls openssl */
/* MODES: plain asan (memcheck takes what the ciphers have written for uninitialised) */
/* LIBS: -lminirpc-tls */
/* PROTO: test.mx */
/* TIMEOUT: 60 */
/* The ends of TLS connections: announced by either side, cut, stalled in the handshake, changed on
 * their way; renegotiation. */
#include "between.h"
#include "accept.h"
#include "program.h"
#include "../drain/drain.h"

static struct mrpc_conn_set *server_set, *client_set;
static char *port;

static const struct test_server_operations ops = { .ping = answer_ping };

static uint64_t failed(void)
{
	struct mrpc_set_stats stats = { .size = sizeof(stats) };

	CHECK_EQ(mrpc_get_stats(server_set, &stats), 0);
	return stats.handshakes_failed;
}

static struct mrpc_connection *connect_by(const char *by, struct probe *probe)
{
	struct mrpc_connection *conn;

	probe_init(probe);
	accept_anew();
	REQUIRE_EQ(mrpc_conn_create(&conn, client_set, probe), 0);
	REQUIRE_EQ(mrpc_connect(conn, AF_INET, "127.0.0.1", by), 0);
	REQUIRE(COUNTER_WAIT(&accepted, 1));
	CHECK_EQ(test_ping(conn), MINIRPC_OK);
	return conn;
}

int main(void)
{
	enum { SLOW = 1000 };
	/* A ClientHello begins like this, and goes on for 512 bytes. */
	static const unsigned char half[] = { 22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3 };
	static int fds[SLOW];
	struct between between;
	struct mrpc_connection *conn, *other;
	struct probe probe, other_probe;
	struct drain drain;
	struct program p;
	struct words w;
	uint64_t before;
	int64_t start;
	int i;

	signal(SIGPIPE, SIG_IGN);
	REQUIRE_EQ(mrpc_conn_set_create(&client_set, test_client, NULL), 0);
	server_set = accept_open(accept_and_keep, &ops);
	probe_watch(client_set);
	tls_mutual(client_set, false);
	tls_mutual(server_set, true);
	REQUIRE_EQ(mrpc_start_dispatch_thread(client_set), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(server_set), 0);
	REQUIRE_EQ(mrpc_set_listen_backlog(server_set, SLOW), 0);
	REQUIRE_EQ(mrpc_listen(server_set, AF_INET, "127.0.0.1", &port), 0);

	SECTION("announced by either side, it is clean");
	conn = connect_by(port, &probe);
	CHECK_EQ(mrpc_conn_close(server), 0);
	COUNTER_WAIT(&probe.disconnects, 1);
	CHECK_EQ(probe.reason, MRPC_DISC_CLOSED);
	CHECK_EQ(counter_get(&probe.ioerrs), 0);
	COUNTER_WAIT(&server_probe.disconnects, 1);
	mrpc_conn_unref(server);
	mrpc_conn_unref(conn);

	SECTION("cut, it is an error on both sides");
	memset(&between, 0, sizeof(between));
	between_start(&between, port);
	conn = connect_by(between.port, &probe);
	between.does = CUT;
	thread_join(between.thread);
	COUNTER_WAIT(&probe.disconnects, 1);
	COUNTER_WAIT(&server_probe.disconnects, 1);
	CHECK_EQ(probe.reason, MRPC_DISC_IOERR);
	CHECK_EQ(server_probe.reason, MRPC_DISC_IOERR);
	CHECK_STR(probe.text, "the stream was cut: its end was not announced");
	CHECK_STR(server_probe.text, "the stream was cut: its end was not announced");
	CHECK_EQ(test_ping(conn), MINIRPC_NETWORK_FAILURE);
	mrpc_conn_unref(server);
	mrpc_conn_unref(conn);

	SECTION("a byte that was changed on its way ends it, and no call comes of it");
	memset(&between, 0, sizeof(between));
	between_start(&between, port);
	conn = connect_by(between.port, &probe);
	between.does = CHANGE;
	CHECK_EQ(test_ping(conn), MINIRPC_NETWORK_FAILURE);
	COUNTER_WAIT(&server_probe.disconnects, 1);
	CHECK_EQ(server_probe.reason, MRPC_DISC_IOERR);
	CHECK_MSG(strstr(server_probe.text, "was changed on its way") != NULL, "the error is: %s",
		  server_probe.text);
	COUNTER_WAIT(&probe.disconnects, 1);
	thread_join(between.thread);
	mrpc_conn_unref(server);
	mrpc_conn_unref(conn);

	SECTION("a client that renegotiates is refused");
	p = program_start(words(&w, "openssl s_client -tls1_2 -connect 127.0.0.1:%s -CAfile @ca.pem "
				"-cert @client.pem -key @client.key -servername localhost", port));
	accept_anew();
	if (COUNTER_WAIT(&accepted, 1)) {
		/* A line that begins with R asks for it. It takes the answer for an error, and goes. */
		CHECK_EQ(send(p.fd, "R\n", 2, 0), 2);
		COUNTER_WAIT(&server_probe.disconnects, 1);
		WAIT_FOR(program_said("no renegotiation"));
		mrpc_conn_unref(server);
	}
	program_stop(&p);

	SECTION("a peer that wants new keys gets them, and is served with them");
	accept_anew();
	p = program_start(words(&w, "openssl s_client -tls1_3 -connect 127.0.0.1:%s -CAfile @ca.pem "
				"-cert @client.pem -key @client.key -servername localhost", port));
	if (COUNTER_WAIT(&accepted, 1)) {
		static const char last[] = "Verify return code: 0 (ok)\n---\n";
		char text[65536] = "";
		size_t got = 0;

		/* What it says of the connection. */
		while (strstr(text, last) == NULL && got + 1 < sizeof(text) &&
		       recv(p.fd, text + got, 1, 0) == 1)
			got++;
		CHECK(strstr(text, last) != NULL);
		CHECK_EQ(send(p.fd, "K\n", 2, 0), 2);
		WAIT_FOR(program_said("KEYUPDATE"));
		for (i = 0; i < 3; i++) {
			peer_send(p.fd, (uint32_t)i, MINIRPC_PENDING, 1, NULL, 0);
			PEER_EXPECT(p.fd, (uint32_t)i, MINIRPC_OK, 1, NULL, 0);
		}
		CHECK_EQ(counter_get(&server_probe.ioerrs), 0);
	}
	program_stop(&p);
	COUNTER_WAIT(&server_probe.disconnects, 1);
	mrpc_conn_unref(server);

	SECTION("1000 handshakes that stall: others are served, and each ends in time");
	before = failed();
	REQUIRE_EQ(mrpc_set_connect_timeout(server_set, 3000 * (unsigned)scaled(1)), 0);
	for (i = 0; i < SLOW; i++) {
		fds[i] = peer_connect(port);
		CHECK_EQ(send(fds[i], half, sizeof(half) - (size_t)(i % 11), 0),
			 (ssize_t)(sizeof(half) - (size_t)(i % 11)));
	}
	other = connect_by(port, &other_probe);
	start = now_ms();
	for (i = 0; i < 100; i++)
		CHECK_EQ(test_ping(other), MINIRPC_OK);
	CHECK(now_ms() - start < scaled(2000));
	for (i = 0; i < SLOW; i++) {
		char byte;

		CHECK_EQ(recv(fds[i], &byte, 1, 0), 0);
		close(fds[i]);
	}
	WAIT_FOR(failed() == before + SLOW);
	CHECK_EQ(test_ping(other), MINIRPC_OK);
	CHECK_EQ(counter_get(&other_probe.disconnects), 0);
	REQUIRE_EQ(mrpc_set_connect_timeout(server_set, 0), 0);

	SECTION("a drain announces the end to a peer of another make, which can answer it");
	CHECK_EQ(mrpc_conn_close(other), 0);
	COUNTER_WAIT(&server_probe.disconnects, 1);
	mrpc_conn_unref(server);
	mrpc_conn_unref(other);
	accept_anew();
	p = program_start(words(&w, "openssl s_client -quiet -tls1_3 -connect 127.0.0.1:%s "
				"-CAfile @ca.pem -cert @client.pem -key @client.key "
				"-servername localhost", port));
	REQUIRE(COUNTER_WAIT(&accepted, 1));
	peer_send(p.fd, 3, MINIRPC_PENDING, 1, NULL, 0);
	PEER_EXPECT(p.fd, 3, MINIRPC_OK, 1, NULL, 0);
	drain_start(&drain, server_set, 10000);
	CHECK_EQ(drain_join(&drain), 0);
	CHECK_EQ(server_probe.reason, MRPC_DISC_CLOSED);
	CHECK_EQ(counter_get(&server_probe.ioerrs), 0);
	program_stop(&p);
	mrpc_conn_unref(server);

	mrpc_listen_close(server_set);
	mrpc_conn_set_unref(client_set);
	mrpc_conn_set_unref(server_set);
	free(port);
	return tap_done();
}
