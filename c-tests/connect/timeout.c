/*
 * mrpc_set_connect_timeout: a host that does not answer is ETIMEDOUT, not early and in time;
 * afterwards the handle can be used again. What answers is as without.
 */
/* PROTO: test.mx */
/* NEEDS: additions */
#include "connect.h"

enum { LIMIT = 300, TARDY = 5000 };

int main(void)
{
	struct mrpc_conn_set *set;
	struct mrpc_connection *conn;
	char *port = NULL, closed[8], words[100];
	struct place place;
	struct probe probe;
	struct full full;
	struct leaks leaks;
	int64_t start, took;

	leaks_begin(&leaks);
	close(peer_listen(closed));
	place_open(&place);
	REQUIRE_EQ(mrpc_listen(place.set, AF_INET, "127.0.0.1", &port), 0);
	set = client_open();
	full_open(&full);
	probe_init(&probe);
	REQUIRE_EQ(mrpc_conn_create(&conn, set, &probe), 0);

	SECTION("NULL is EINVAL; any number of milliseconds will do, of either role");
	CHECK_EQ(mrpc_set_connect_timeout(NULL, 1), EINVAL);
	CHECK_EQ(mrpc_set_connect_timeout(place.set, 1), 0);
	CHECK_EQ(mrpc_set_connect_timeout(set, (unsigned)-1), 0);
	CHECK_EQ(visit(set, AF_INET, "127.0.0.1", port), 0);

	SECTION("no answer: ETIMEDOUT, not early and in time");
	CHECK_EQ(mrpc_set_connect_timeout(set, LIMIT), 0);
	start = now_ms();
	CHECK_EQ(mrpc_connect(conn, AF_INET, "127.0.0.1", full.port), ETIMEDOUT);
	took = now_ms() - start;
	tap_note("%lld ms", (long long)took);
	CHECK_MSG(took >= LIMIT && took <= scaled(TARDY), "after %lld ms", (long long)took);
	snprintf(words, sizeof(words), "127.0.0.1: no connection within %d ms", LIMIT);
	error_is(conn, words);

	SECTION("refused: at once");
	CHECK_EQ(mrpc_set_connect_timeout(set, 1000 * 1000), 0);
	CHECK_EQ(mrpc_connect(conn, AF_INET, "127.0.0.1", closed), ECONNREFUSED);
	snprintf(words, sizeof(words), "127.0.0.1 port %s: Connection refused", closed);
	error_is(conn, words);
	CHECK_EQ(mrpc_connect(conn, AF_UNSPEC, "localhost", closed), ECONNREFUSED);

	SECTION("errors of the resolution");
	CHECK_EQ(mrpc_connect(conn, AF_INET, "127.0.0.1", "no-such-service"), ENOENT);
	CHECK_EQ(mrpc_connect(conn, AF_INET6, "127.0.0.1", port), EADDRNOTAVAIL);
	CHECK_EQ(mrpc_connect(conn, 12345, "127.0.0.1", port), EAFNOSUPPORT);

	SECTION("the same handle, an address, a name, NULL");
	CHECK_EQ(mrpc_connect(conn, AF_INET, "127.0.0.1", port), 0);
	error_is(conn, "");
	use(conn);
	CHECK_EQ(visit(set, AF_INET, "localhost", port), 0);
	CHECK_EQ(visit(set, AF_UNSPEC, NULL, port), 0);
	CHECK_EQ(mrpc_conn_close(conn), 0);
	COUNTER_WAIT(&probe.disconnects, 1);

	SECTION("nothing is left");
	mrpc_conn_unref(conn);
	full_close(&full);
	place_close(&place);
	mrpc_conn_set_unref(set);
	free(port);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
