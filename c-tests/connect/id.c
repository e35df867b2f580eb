/* mrpc_conn_get_id: numbers from 1 in each set, also for accepted connections; never twice. */
/* PROTO: test.mx */
/* NEEDS: additions */
#include "harness.h"

#include "test_client.h"
#include "test_server.h"

static uint64_t id_of(struct mrpc_connection *conn)
{
	uint64_t id = 0;

	CHECK_EQ(mrpc_conn_get_id(conn, &id), 0);
	return id;
}

int main(void)
{
	struct mrpc_conn_set *other;
	struct mrpc_connection *conn;
	struct leaks leaks;
	struct pair pair;
	uint64_t id;

	leaks_begin(&leaks);
	SECTION("the first connection of each set is 1, made or accepted");
	pair_open(&pair, PAIR_TCP, test_client, test_server);
	CHECK_EQ(id_of(pair.client), 1);
	CHECK_EQ(id_of(pair.server), 1);

	SECTION("sets count each for itself, handles that are not connected, too");
	REQUIRE_EQ(mrpc_conn_set_create(&other, test_client, NULL), 0);
	REQUIRE_EQ(mrpc_conn_create(&conn, other, NULL), 0);
	CHECK_EQ(id_of(conn), 1);

	SECTION("a number is not given twice");
	mrpc_conn_unref(conn);
	REQUIRE_EQ(mrpc_conn_create(&conn, other, NULL), 0);
	CHECK_EQ(id_of(conn), 2);

	SECTION("NULL is EINVAL");
	CHECK_EQ(mrpc_conn_get_id(NULL, &id), EINVAL);
	CHECK_EQ(mrpc_conn_get_id(conn, NULL), EINVAL);

	mrpc_conn_unref(conn);
	mrpc_conn_set_unref(other);
	pair_close(&pair);
	SECTION("nothing is left");
	LEAKS_CHECK(&leaks);
	return tap_done();
}
