/* PROTO: test.mx */
/*
 * A set, a connection and its peer go in every order: the set's reference, the
 * connection's, mrpc_conn_close, the peer's close. The disconnect fires once,
 * and when all is done, nothing is left.
 */
#include "destroy.h"

enum step { SET, CONN, CLOSE, PEER, STEPS };

static void run(const enum step order[STEPS], bool by_hand, bool tcp)
{
	bool unreferenced = false, peer_gone = false;
	struct leaks leaks;
	struct end e;
	int i;

	leaks_begin(&leaks);
	end_open(&e, test_server, by_hand ? BY_HAND : 1, tcp);
	for (i = 0; i < STEPS; i++) {
		switch (order[i]) {
		case SET:
			mrpc_conn_set_unref(e.set);
			break;
		case CONN:
			mrpc_conn_unref(e.conn);
			unreferenced = true;
			break;
		case CLOSE:
			/* by now the handle may be gone */
			if (unreferenced && peer_gone && !by_hand)
				break;
			CHECK_EQ(mrpc_conn_close(e.conn), 0);
			break;
		default:
			close(e.fd);
			peer_gone = true;
		}
	}
	if (by_hand) {
		DISPATCH_TO_THE_END(e.set);
		mrpc_dispatcher_remove(e.set);
	}
	LEAKS_CHECK(&leaks);
	CHECK_EQ(counter_get(&e.probe.disconnects), 1);
}

int main(void)
{
	enum step order[STEPS];
	int n, i, k;

	for (n = 0; n < 256; n++) {
		bool used[STEPS] = { false };

		for (i = 0, k = n; i < STEPS && !used[k % 4]; i++, k /= 4) {
			used[k % 4] = true;
			order[i] = (enum step)(k % 4);
		}
		if (i < STEPS)
			continue;
		SECTION("order %d%d%d%d", order[0], order[1], order[2], order[3]);
		run(order, false, false);
		run(order, false, true);
		run(order, true, false);
		run(order, true, true);
	}
	return tap_done();
}
