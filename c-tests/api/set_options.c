/* The setters of a set: ranges, NULL, either role. */
/* PROTO: test.mx */
#include "harness.h"

#include <limits.h>
#include "test_client.h"
#include "test_server.h"

static void check_options(struct mrpc_conn_set *set)
{
	SECTION("mrpc_set_max_buf_len: any length but 0");
	CHECK_EQ(mrpc_set_max_buf_len(set, 0), EINVAL);
	CHECK_EQ(mrpc_set_max_buf_len(set, 1), 0);
	CHECK_EQ(mrpc_set_max_buf_len(set, UINT_MAX), 0);
	CHECK_EQ(mrpc_set_max_buf_len(set, 16384), 0);

	SECTION("mrpc_set_listen_backlog: any number but 0");
	CHECK_EQ(mrpc_set_listen_backlog(set, 0), EINVAL);
	CHECK_EQ(mrpc_set_listen_backlog(set, 1), 0);
	CHECK_EQ(mrpc_set_listen_backlog(set, UINT_MAX), 0);

	SECTION("mrpc_set_accept_backoff: any time but 0");
	CHECK_EQ(mrpc_set_accept_backoff(set, 0), EINVAL);
	CHECK_EQ(mrpc_set_accept_backoff(set, 1), 0);
	CHECK_EQ(mrpc_set_accept_backoff(set, UINT_MAX), 0);

	SECTION("mrpc_set_keepalive_enabled: any value");
	CHECK_EQ(mrpc_set_keepalive_enabled(set, 0), 0);
	CHECK_EQ(mrpc_set_keepalive_enabled(set, 1), 0);
	CHECK_EQ(mrpc_set_keepalive_enabled(set, -1), 0);

	SECTION("mrpc_set_keepalive_parameters: EINVAL if any is 0");
	CHECK_EQ(mrpc_set_keepalive_parameters(set, 0, 9, 75), EINVAL);
	CHECK_EQ(mrpc_set_keepalive_parameters(set, 7200, 0, 75), EINVAL);
	CHECK_EQ(mrpc_set_keepalive_parameters(set, 7200, 9, 0), EINVAL);

	SECTION("mrpc_set_keepalive_parameters: up to what the kernel takes");
	CHECK_EQ(mrpc_set_keepalive_parameters(set, 1, 1, 1), 0);
	CHECK_EQ(mrpc_set_keepalive_parameters(set, 32767, 127, 32767), 0);
	CHECK_EQ(mrpc_set_keepalive_parameters(set, 32768, 127, 32767), EINVAL);
	CHECK_EQ(mrpc_set_keepalive_parameters(set, 32767, 128, 32767), EINVAL);
	CHECK_EQ(mrpc_set_keepalive_parameters(set, 32767, 127, 32768), EINVAL);
	CHECK_EQ(mrpc_set_keepalive_parameters(set, UINT_MAX, UINT_MAX, UINT_MAX), EINVAL);
}

int main(void)
{
	struct mrpc_conn_set *client, *server;

	REQUIRE_EQ(mrpc_conn_set_create(&client, test_client, NULL), 0);
	REQUIRE_EQ(mrpc_conn_set_create(&server, test_server, NULL), 0);
	check_options(client);
	check_options(server);
	mrpc_conn_set_unref(client);
	mrpc_conn_set_unref(server);
	return tap_done();
}
