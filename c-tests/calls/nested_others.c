/* PROTO: test.mx */
/*
 * A chain of handlers, each of which makes the next call over another
 * connection, without releasing its event: within one set, with as many
 * dispatchers as levels; and through a set of its own per level, with one
 * dispatcher each.
 */
#include "calls.h"

enum { LEVELS = 6, ROUNDS = 60 };

static struct mrpc_connection *clients[LEVELS], *servers[LEVELS];
static struct mrpc_conn_set *client_sets[LEVELS], *server_sets[LEVELS];

/* Level n calls level n + 1; the last one says how many there were. */
static mrpc_status_t relay(void *data, struct mrpc_message *msg, number *in, number *out)
{
	int level = (int)(intptr_t)data - 1;
	number *result = NULL, next = *in + 1;

	(void)msg;
	*out = next;
	if (level == LEVELS - 1)
		return MINIRPC_OK;
	if (CHECK_EQ(test_relay(clients[level + 1], &next, &result), MINIRPC_OK))
		*out = *result;
	free_number(result, 1);
	return MINIRPC_OK;
}

static const struct test_server_operations ops = { .relay = relay };

static void open_level(int level)
{
	int fds[2];

	REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	REQUIRE_EQ(mrpc_conn_create(&clients[level], client_sets[level], NULL), 0);
	REQUIRE_EQ(mrpc_conn_create(&servers[level], server_sets[level],
				    (void *)(intptr_t)(level + 1)), 0);
	REQUIRE_EQ(test_server_set_operations(servers[level], &ops), 0);
	REQUIRE_EQ(mrpc_bind_fd(clients[level], fds[0]), 0);
	REQUIRE_EQ(mrpc_bind_fd(servers[level], fds[1]), 0);
}

static void *call(void *arg)
{
	int i;

	(void)arg;
	for (i = 0; i < ROUNDS; i++) {
		number n = 0, *out = NULL;

		if (!CHECK_EQ(test_relay(clients[0], &n, &out), MINIRPC_OK))
			break;
		CHECK_EQ(*out, LEVELS);
		free_number(out, 1);
	}
	return NULL;
}

static void run(bool one_set)
{
	pthread_t thread;
	int i;

	for (i = 0; i < LEVELS; i++) {
		if (i > 0 && one_set) {
			client_sets[i] = client_sets[0];
			server_sets[i] = server_sets[0];
			mrpc_conn_set_ref(client_sets[0]);
			mrpc_conn_set_ref(server_sets[0]);
		} else {
			REQUIRE_EQ(mrpc_conn_set_create(&client_sets[i], test_client, NULL), 0);
			REQUIRE_EQ(mrpc_conn_set_create(&server_sets[i], test_server, NULL), 0);
		}
		REQUIRE_EQ(mrpc_start_dispatch_thread(client_sets[i]), 0);
		REQUIRE_EQ(mrpc_start_dispatch_thread(server_sets[i]), 0);
		open_level(i);
	}
	thread = thread_start(call, NULL);
	call(NULL);
	thread_join(thread);
	for (i = 0; i < LEVELS; i++) {
		CHECK_EQ(mrpc_conn_close(clients[i]), 0);
		mrpc_conn_unref(clients[i]);
		mrpc_conn_unref(servers[i]);
		mrpc_conn_set_unref(client_sets[i]);
		mrpc_conn_set_unref(server_sets[i]);
	}
}

int main(void)
{
	struct leaks leaks;

	leaks_begin(&leaks);
	SECTION("%d connections of one set", LEVELS);
	run(true);
	LEAKS_CHECK(&leaks);
	SECTION("%d sets", LEVELS);
	run(false);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
