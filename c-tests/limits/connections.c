/* PROTO: test.mx */
/* NEEDS: additions */
/*
 * mrpc_set_max_connections: at the bound the listeners rest, and who connects waits
 * in the backlog; he is accepted when another one has gone, or the bound is raised.
 * Connections that the set did not accept do not count.
 */
#include "held.h"
#include "accept.h"

enum { BOUND = 3, PEERS = 8 };

static struct mrpc_conn_set *set;
static char *port;

static const struct test_server_operations ops = { .ping = answer_ping };

static void open_set(unsigned bound)
{
	port = NULL;
	set = accept_open(accept_and_drop, &ops);
	REQUIRE_EQ(mrpc_set_max_connections(set, bound), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	REQUIRE_EQ(mrpc_listen(set, AF_INET, "127.0.0.1", &port), 0);
}

static void close_set(void)
{
	COUNTER_WAIT(&server_probe.disconnects, counter_get(&accepted));
	mrpc_listen_close(set);
	mrpc_conn_set_unref(set);
	free(port);
}

static bool served(int fd)
{
	peer_send(fd, 1, PENDING, nr_test_ping, NULL, 0);
	return PEER_EXPECT(fd, 1, MINIRPC_OK, nr_test_ping, NULL, 0);
}

static void rests(long n)
{
	COUNTER_WAIT(&accepted, n);
	STAYS(counter_get(&accepted) == n, 50);
}

int main(void)
{
	struct mrpc_connection *conn;
	struct leaks leaks;
	int fds[PEERS], other, i;
	double used;

	leaks_begin(&leaks);
	CHECK_EQ(mrpc_set_max_connections(NULL, 1), EINVAL);
	SECTION("%d of %d are accepted and served; no processor time for the others", BOUND, PEERS);
	open_set(BOUND);
	for (i = 0; i < PEERS; i++)
		fds[i] = peer_connect(port);
	rests(BOUND);
	used = cpu_ms();
	STAYS(counter_get(&accepted) == BOUND, 200);
	used = cpu_ms() - used;
	CHECK_MSG(used < (double)scaled(70), "used %.0f of 200 ms", used);
	for (i = 0; i < BOUND; i++)
		served(fds[i]);

	SECTION("the next when one has gone");
	close(fds[0]);
	rests(BOUND + 1);
	served(fds[BOUND]);

	SECTION("connections of the application's own do not count");
	REQUIRE_EQ(mrpc_conn_create(&conn, set, &server_probe), 0);
	REQUIRE_EQ(test_server_set_operations(conn, &ops), 0);
	other = peer_bind(conn);
	served(other);
	close(other);
	COUNTER_WAIT(&server_probe.disconnects, 2);
	mrpc_conn_unref(conn);
	STAYS(counter_get(&accepted) == BOUND + 1, 20);
	counter_add(&server_probe.disconnects, -1);

	SECTION("raised: more at once");
	REQUIRE_EQ(mrpc_set_max_connections(set, BOUND + 2), 0);
	rests(BOUND + 3);

	SECTION("lowered: none is ended, and none accepted until there are fewer");
	REQUIRE_EQ(mrpc_set_max_connections(set, 2), 0);
	for (i = 1; i < BOUND + 3; i++)
		served(fds[i]);
	for (i = 1; i < BOUND + 1; i++) {
		close(fds[i]);
		rests(BOUND + 3);
	}
	close(fds[i++]);
	rests(BOUND + 4);

	SECTION("none: all");
	REQUIRE_EQ(mrpc_set_max_connections(set, 0), 0);
	COUNTER_WAIT(&accepted, PEERS);
	for (; i < PEERS; i++) {
		served(fds[i]);
		close(fds[i]);
	}
	close_set();
	CHECK_EQ(counter_get(&accepted), PEERS);
	LEAKS_CHECK(&leaks);

	SECTION("set before there is a listener; who waits there when it closes is refused");
	open_set(1);
	for (i = 0; i < 2; i++)
		fds[i] = peer_connect(port);
	rests(1);
	mrpc_listen_close(set);
	PEER_EOF(fds[1]);
	served(fds[0]);
	for (i = 0; i < 2; i++)
		close(fds[i]);
	close_set();
	LEAKS_CHECK(&leaks);
	return tap_done();
}
