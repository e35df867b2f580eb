/* PROTO: test.mx */
/*
 * Connections whose acknowledgements are watched, as the application has set
 * keepalive parameters, end with data unsent, or sent late, and leave nothing.
 */
#include "destroy.h"

enum { LEN = 65536, MESSAGES = 100 };
enum how { READ_ALL, NEVER_READ, GONE, HOWS };
static const char *const names[] = { "reads all", "never reads, and goes", "goes first" };

static void run(enum how how, int messages)
{
	static char payload[LEN], sink[LEN];
	blob b = { LEN, payload };
	struct mrpc_conn_set *set;
	struct mrpc_connection *conn;
	struct probe probe;
	char port[8];
	int listener = peer_listen(port), fd, i;

	probe_init(&probe);
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_client, NULL), 0);
	probe_watch(set);
	REQUIRE_EQ(mrpc_set_keepalive_parameters(set, 10, 9, 10), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	REQUIRE_EQ(mrpc_conn_create(&conn, set, &probe), 0);
	REQUIRE_EQ(mrpc_connect(conn, AF_INET, "127.0.0.1", port), 0);
	fd = peer_accept(listener);
	close(listener);
	for (i = 0; i < messages; i++)
		CHECK_EQ(test_push(conn, &b), MINIRPC_OK);
	if (how == GONE)
		close(fd);
	CHECK_EQ(mrpc_conn_close(conn), 0);
	if (how == READ_ALL)
		while (recv(fd, sink, sizeof(sink), 0) > 0)
			;
	if (how != GONE)
		close(fd);
	COUNTER_WAIT(&probe.disconnects, 1);
	mrpc_conn_unref(conn);
	mrpc_conn_set_unref(set);
}

int main(void)
{
	struct leaks leaks;
	int how, messages;

	leaks_begin(&leaks);
	for (how = 0; how < HOWS; how++) {
		for (messages = 1; messages <= MESSAGES; messages += MESSAGES - 1) {
			SECTION("%d messages, the peer %s", messages, names[how]);
			run((enum how)how, messages);
			if (!LEAKS_CHECK(&leaks))
				return tap_done();
		}
	}
	return tap_done();
}
