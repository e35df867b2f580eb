/* PROTO: test.mx */
/* mrpc_dispatch says that the set is being destroyed as soon as the last reference
 * is gone, in the same thread, whoever has heard of it by then. */
#include "destroy.h"

enum { ROUNDS = 200 };

int main(void)
{
	struct mrpc_conn_set *set;
	struct leaks leaks;
	int i;

	SECTION("%d sets", ROUNDS);
	leaks_begin(&leaks);
	for (i = 0; i < ROUNDS; i++) {
		REQUIRE_EQ(mrpc_conn_set_create(&set, test_client, NULL), 0);
		mrpc_dispatcher_add(set);
		CHECK_EQ(mrpc_dispatch(set, 0), EAGAIN);
		mrpc_conn_set_unref(set);
		if (!CHECK_EQ(mrpc_dispatch(set, 0), ENXIO))
			break;
		mrpc_dispatcher_remove(set);
	}
	LEAKS_CHECK(&leaks);
	return tap_done();
}
