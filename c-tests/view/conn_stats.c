/* PROTO: test.mx */
/* NEEDS: additions */
/*
 * mrpc_conn_get_stats: the number, the age, and the time since a message; before the
 * connection is up, and after its end.
 */
#include "view.h"

enum { MS = 60 };

static void pass(int ms)
{
	int64_t end = now_ms() + ms;

	while (now_ms() < end)
		tap_pause();
}

int main(void)
{
	struct mrpc_conn_stats stats, last;
	struct mrpc_connection *conn;
	unsigned char header[HEADER_LEN];
	struct leaks leaks;
	struct frame f;
	struct end e;
	uint64_t id;
	number n = 1;

	leaks_begin(&leaks);
	end_open_client(&e, NULL, 1);
	SECTION("the number");
	CHECK_EQ(mrpc_conn_get_id(e.conn, &id), 0);
	CHECK_EQ(conn_stats(e.conn).id, id);

	SECTION("not up: no age");
	REQUIRE_EQ(mrpc_conn_create(&conn, e.set, NULL), 0);
	pass(20);
	stats = conn_stats(conn);
	CHECK_EQ(stats.id, id + 1);
	CHECK_EQ(stats.age_ms, 0);
	CHECK_EQ(stats.idle_ms, 0);
	mrpc_conn_unref(conn);

	SECTION("a connection that nobody uses ages and is idle");
	pass(MS);
	stats = conn_stats(e.conn);
	CHECK_MSG(stats.age_ms >= MS, "%llu ms old", (unsigned long long)stats.age_ms);
	CHECK_MSG(stats.idle_ms >= MS, "%llu ms idle", (unsigned long long)stats.idle_ms);

	SECTION("sent: not idle any more, and as old as before");
	CHECK_EQ(test_notify(e.conn, &n), MINIRPC_OK);
	peer_recv(e.fd, &f);
	free(f.data);
	last = conn_stats(e.conn);
	CHECK_MSG(last.idle_ms + MS <= last.age_ms, "%llu ms idle, %llu ms old",
		  (unsigned long long)last.idle_ms, (unsigned long long)last.age_ms);
	CHECK(last.age_ms >= stats.age_ms);

	SECTION("received: a whole message, and not a part of one");
	/* The message may arrive before its sender has noted that it left. */
	WAIT_FOR(conn_stats(e.conn).idle_ms >= MS);
	peer_header(header, 9, (int32_t)PENDING, nr_test_client_ping, 0);
	peer_write(e.fd, header, HEADER_LEN / 2);
	STAYS(conn_stats(e.conn).idle_ms >= MS, 20);
	peer_write(e.fd, header + HEADER_LEN / 2, HEADER_LEN / 2);
	peer_recv(e.fd, &f);
	free(f.data);
	last = conn_stats(e.conn);
	CHECK_MSG(last.idle_ms + 2 * MS <= last.age_ms, "%llu ms idle, %llu ms old",
		  (unsigned long long)last.idle_ms, (unsigned long long)last.age_ms);

	SECTION("after the end, the counts stand");
	close(e.fd);
	e.fd = -1;
	COUNTER_WAIT(&e.probe.disconnects, 1);
	stats = conn_stats(e.conn);
	CHECK_EQ(stats.messages_sent, 1);
	CHECK_EQ(stats.bytes_sent, last.bytes_sent);
	CHECK_EQ(stats.bytes_received, last.bytes_received);
	end_close(&e);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
