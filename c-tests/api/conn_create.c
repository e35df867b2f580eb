/* mrpc_conn_create, mrpc_conn_ref, mrpc_conn_unref: handles never connected. */
/* PROTO: test.mx */
#include "harness.h"

#include "test_client.h"
#include "test_server.h"

int main(void)
{
	struct mrpc_conn_set *set;
	struct mrpc_connection *conn = (void *)&set, *other;
	struct leaks leaks;
	struct dispatcher d;

	leaks_begin(&leaks);
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_client, NULL), 0);

	SECTION("EINVAL if the result pointer or the set is NULL");
	CHECK_EQ(mrpc_conn_create(NULL, set, NULL), EINVAL);
	CHECK_EQ(mrpc_conn_create(&conn, NULL, &conn), EINVAL);

	SECTION("the result is set to NULL first");
	CHECK_PTR(conn, NULL);

	SECTION("handles differ");
	CHECK_EQ(mrpc_conn_create(&conn, set, NULL), 0);
	CHECK(conn != NULL);
	CHECK_EQ(mrpc_conn_create(&other, set, &other), 0);
	CHECK(other != NULL);
	CHECK(other != conn);

	SECTION("references are counted");
	mrpc_conn_ref(conn);
	mrpc_conn_unref(conn);
	CHECK_EQ(mrpc_conn_close(conn), ENOTCONN);

	SECTION("a handle holds its set");
	dispatcher_start(&d, set);
	mrpc_conn_set_unref(set);
	CHECK_EQ(mrpc_conn_close(conn), ENOTCONN);
	CHECK_EQ(mrpc_set_max_buf_len(set, 100), 0);
	mrpc_conn_unref(conn);
	CHECK_EQ(mrpc_conn_close(other), ENOTCONN);
	CHECK_EQ(mrpc_set_max_buf_len(set, 200), 0);

	SECTION("the last handle's end is the set's end");
	mrpc_conn_unref(other);
	CHECK_EQ(dispatcher_join(&d), ENXIO);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
