/* How many descriptors a set takes. */
/* PROTO: test.mx */
/* NEEDS: additions */
#include "harness.h"

#include "test_client.h"
#include "test_server.h"

static void count(const struct mrpc_protocol *role)
{
	struct mrpc_conn_set *set;
	struct leaks leaks;

	leaks_begin(&leaks);
	REQUIRE_EQ(mrpc_conn_set_create(&set, role, NULL), 0);
	CHECK_EQ(count_fds(), leaks.fds + 3);
	CHECK(mrpc_get_event_fd(set) >= 0);
	CHECK_EQ(count_fds(), leaks.fds + 4);
	CHECK(mrpc_get_event_fd(set) >= 0);
	CHECK_EQ(count_fds(), leaks.fds + 4);
	mrpc_conn_set_unref(set);
	LEAKS_CHECK(&leaks);
}

int main(void)
{
	SECTION("a set takes three descriptors, and one more for mrpc_get_event_fd");
	count(test_client);
	count(test_server);
	return tap_done();
}
