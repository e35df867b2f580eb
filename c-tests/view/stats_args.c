/* PROTO: test.mx */
/* NEEDS: additions */
/*
 * mrpc_get_stats and mrpc_conn_get_stats: the caller says how much room there is. Too
 * little is refused; what the library does not know becomes 0, and size what it filled.
 */
#include "view.h"

struct later_set {
	struct mrpc_set_stats known;
	uint64_t unknown[3];
};

struct later_conn {
	struct mrpc_conn_stats known;
	uint64_t unknown[3];
};

int main(void)
{
	struct later_set set;
	struct later_conn conn;
	struct end e;
	int i;

	end_open_client(&e, NULL, 1);
	SECTION("NULL");
	set.known.size = sizeof(set.known);
	conn.known.size = sizeof(conn.known);
	CHECK_EQ(mrpc_get_stats(NULL, &set.known), EINVAL);
	CHECK_EQ(mrpc_get_stats(e.set, NULL), EINVAL);
	CHECK_EQ(mrpc_conn_get_stats(NULL, &conn.known), EINVAL);
	CHECK_EQ(mrpc_conn_get_stats(e.conn, NULL), EINVAL);
	CHECK_EQ(mrpc_set_latency_enabled(NULL, 1), EINVAL);

	SECTION("too small: nothing is touched");
	memset(&set, 0xab, sizeof(set));
	memset(&conn, 0xab, sizeof(conn));
	set.known.size = sizeof(set.known) - 1;
	conn.known.size = 0;
	CHECK_EQ(mrpc_get_stats(e.set, &set.known), EINVAL);
	CHECK_EQ(mrpc_conn_get_stats(e.conn, &conn.known), EINVAL);
	CHECK_EQ(set.known.size, sizeof(set.known) - 1);
	CHECK_EQ(set.known.connections, 0xabababababababab);
	CHECK_EQ(conn.known.id, 0xabababababababab);

	SECTION("larger: the rest is 0");
	set.known.size = sizeof(set) - sizeof(uint64_t);
	conn.known.size = sizeof(conn) - sizeof(uint64_t);
	CHECK_EQ(mrpc_get_stats(e.set, &set.known), 0);
	CHECK_EQ(mrpc_conn_get_stats(e.conn, &conn.known), 0);
	CHECK_EQ(set.known.size, sizeof(set.known));
	CHECK_EQ(conn.known.size, sizeof(conn.known));
	CHECK_EQ(set.known.connections, 1);
	CHECK_EQ(conn.known.id, 1);
	for (i = 0; i < 2; i++) {
		CHECK_EQ(set.unknown[i], 0);
		CHECK_EQ(conn.unknown[i], 0);
	}
	CHECK_EQ(set.unknown[2], 0xabababababababab);
	CHECK_EQ(conn.unknown[2], 0xabababababababab);
	end_close(&e);
	return tap_done();
}
