/* PROTO: test.mx */
/* A peer that floods, on one dispatcher, starves neither the calls that others
 * make to this process nor the calls that this process makes. */
#include "extra_rt.h"

enum { MILLISECONDS = 1200 };

static int flooder;

static const struct test_server_operations ops = { .notify = count_notify, .ping = answer_ping };
static const struct test_client_operations client_ops = { .client_ping = answer_ping };

/* Until the socket is shut down. */
static void *flood(void *arg)
{
	enum { LEN = HEADER_LEN + 4, MANY = 500 };
	static unsigned char data[MANY * LEN];
	int i;

	(void)arg;
	for (i = 0; i < MANY; i++)
		peer_header(data + i * LEN, 0, PENDING, nr_test_notify, 4);
	while (send(flooder, data, sizeof(data), MSG_NOSIGNAL) == (ssize_t)sizeof(data))
		;
	return NULL;
}

static void calls(const char *who, struct mrpc_connection *conn,
		  mrpc_status_t (*call)(struct mrpc_connection *))
{
	int64_t end = now_ms() + MILLISECONDS;
	long before = counter_get(&notified);
	int n = 0;

	SECTION("%s, while a peer floods", who);
	while (now_ms() < end) {
		if (!CHECK_EQ(PROMPT(call(conn)), MINIRPC_OK))
			return;
		n++;
	}
	CHECK_MSG(n >= 20, "%d calls in %d ms", n, MILLISECONDS);
	CHECK(counter_get(&notified) > before);
	tap_note("%d calls, %ld messages of the flood", n, counter_get(&notified) - before);
}

int main(void)
{
	struct mrpc_connection *victim;
	struct probe probe;
	pthread_t thread;
	struct pair p;

	pair_open(&p, PAIR_TCP, test_client, test_server);
	REQUIRE_EQ(test_server_set_operations(p.server, &ops), 0);
	REQUIRE_EQ(test_client_set_operations(p.client, &client_ops), 0);
	probe_init(&probe);
	flooder = end_add(p.server_set, &victim, &probe, false);
	REQUIRE_EQ(test_server_set_operations(victim, &ops), 0);
	thread = thread_start(flood, NULL);
	COUNTER_WAIT(&notified, 1000);

	calls("calls to the flooded set", p.client, test_ping);
	calls("calls of the flooded set", p.server, test_client_ping);

	SECTION("the flooded connection can be closed");
	CHECK_EQ(PROMPT(mrpc_conn_close(victim)), 0);
	COUNTER_WAIT(&probe.disconnects, 1);
	CHECK_EQ(probe.reason, MRPC_DISC_USER);
	thread_join(thread);
	close(flooder);
	mrpc_conn_unref(victim);
	pair_close(&p);
	return tap_done();
}
