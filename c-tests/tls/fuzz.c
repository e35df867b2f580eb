/* NEEDS: additions tls openssl */
/* MODES: plain asan (memcheck takes what the ciphers have written for uninitialised) */
/* LIBS: -lminirpc-tls */
/* PROTO: test.mx */
/* TIMEOUT: 120 */
/* A bit is changed, or the connection cut, after a random number of bytes, in the handshake or behind
 * it: no call gives anything but its result, and both sides come to an end. SEED=n, ROUNDS=n. */
#include "between.h"
#include "accept.h"
#include "handlers.h"
#include "tls.h"

#include "test_client.h"

#include <time.h>

static const struct test_server_operations ops = { .add = answer_add };

static unsigned env(const char *name, unsigned otherwise)
{
	const char *text = getenv(name);

	return text != NULL ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

int main(void)
{
	unsigned seed = env("SEED", (unsigned)time(NULL)), rounds = env("ROUNDS", 80), n;
	struct mrpc_conn_set *client_set, *server_set;
	struct mrpc_connection *conn;
	struct between between;
	struct probe probe;
	char *port = NULL;
	long worked = 0;
	int i;

	SECTION("%u rounds from SEED=%u", rounds, seed);
	REQUIRE_EQ(mrpc_conn_set_create(&client_set, test_client, NULL), 0);
	server_set = accept_open(accept_and_drop, &ops);
	probe_watch(client_set);
	tls_mutual(client_set, false);
	tls_mutual(server_set, true);
	REQUIRE_EQ(mrpc_start_dispatch_thread(client_set), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(server_set), 0);
	REQUIRE_EQ(mrpc_set_connect_timeout(client_set, 300 * (unsigned)scaled(1)), 0);
	REQUIRE_EQ(mrpc_set_connect_timeout(server_set, 300 * (unsigned)scaled(1)), 0);
	REQUIRE_EQ(mrpc_set_call_timeout(client_set, 300 * (unsigned)scaled(1)), 0);
	REQUIRE_EQ(mrpc_listen(server_set, AF_INET, "127.0.0.1", &port), 0);
	for (n = 0; n < rounds; n++) {
		unsigned round = seed + n;

		memset(&between, 0, sizeof(between));
		between.does = round % 3 == 0 ? CUT : CHANGE;
		between.after = 1 + rand_r(&round) % 6000;
		between.seed = round;
		between_start(&between, port);
		probe_init(&probe);
		REQUIRE_EQ(mrpc_conn_create(&conn, client_set, &probe), 0);
		if (mrpc_connect(conn, AF_INET, "localhost", between.port) == 0) {
			for (i = 0; i < 50; i++) {
				operands in = { i, 1 };
				number *out = NULL;
				mrpc_status_t status = test_add(conn, &in, &out);

				if (status != MINIRPC_OK) {
					/* A length that was changed may be waited for. */
					CHECK(status == MINIRPC_NETWORK_FAILURE ||
					      status == MINIRPC_TIMEDOUT);
					break;
				}
				CHECK_EQ(*out, i + 1);
				free_number(out, 1);
				worked++;
			}
			mrpc_conn_close(conn);
			COUNTER_WAIT(&probe.disconnects, 1);
		}
		mrpc_conn_unref(conn);
		thread_join(between.thread);
	}
	CHECK(worked > 0);
	WAIT_FOR(counter_get(&server_probe.disconnects) == counter_get(&accepted));
	mrpc_listen_close(server_set);
	mrpc_conn_set_unref(client_set);
	mrpc_conn_set_unref(server_set);
	free(port);
	return tap_done();
}
