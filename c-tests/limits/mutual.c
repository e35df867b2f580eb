/* PROTO: test.mx */
/* NEEDS: additions */
/* TIMEOUT: 60 */
/*
 * Two ends that call each other from handlers, while each is flooded by the other:
 * every call comes back, with its reply or MINIRPC_BUSY, and they go on like that.
 */
#include "extra_rt.h"

enum { EVENTS = 8, CALLS = 60, BUSY = -9 };

static struct pair p;
static struct counter stop = COUNTER_INIT;
static struct counter calls[2] = { COUNTER_INIT, COUNTER_INIT };      /* of the server, the client */
static struct counter odd = COUNTER_INIT;       /* that ended otherwise */
static bool releases;

static void came_back(int side, mrpc_status_t status)
{
	if (status != MINIRPC_OK && status != BUSY && counter_get(&stop) == 0)
		counter_add(&odd, 1);
	counter_add(&calls[side], 1);
}

static void notify(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	(void)in;
	if (counter_get(&stop) != 0)
		return;
	if (releases)
		CHECK_EQ(mrpc_release_event(), 0);
	came_back(0, test_client_ping(p.server));
}

static void event(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	(void)in;
	if (counter_get(&stop) != 0)
		return;
	if (releases)
		CHECK_EQ(mrpc_release_event(), 0);
	came_back(1, test_ping(p.client));
}

static const struct test_server_operations server_ops = { .ping = answer_ping, .notify = notify };
static const struct test_client_operations client_ops = { .client_ping = answer_ping, .event = event };

static void *flood_server(void *arg)
{
	number n = 1;

	(void)arg;
	while (counter_get(&stop) == 0)
		if (test_notify(p.client, &n) != MINIRPC_OK)
			break;
	return NULL;
}

static void *flood_client(void *arg)
{
	number n = 1;

	(void)arg;
	while (counter_get(&stop) == 0)
		if (test_event(p.server, &n) != MINIRPC_OK)
			break;
	return NULL;
}

static void run(int kind, int threads)
{
	pthread_t flooders[2];
	int i;

	counter_init(&stop);
	counter_init(&calls[0]);
	counter_init(&calls[1]);
	pair_open(&p, kind, test_client, test_server);
	REQUIRE_EQ(mrpc_set_event_limit(p.client_set, EVENTS, 1 << 20), 0);
	REQUIRE_EQ(mrpc_set_event_limit(p.server_set, EVENTS, 1 << 20), 0);
	for (i = 1; i < threads; i++) {
		REQUIRE_EQ(mrpc_start_dispatch_thread(p.client_set), 0);
		REQUIRE_EQ(mrpc_start_dispatch_thread(p.server_set), 0);
	}
	REQUIRE_EQ(test_server_set_operations(p.server, &server_ops), 0);
	REQUIRE_EQ(test_client_set_operations(p.client, &client_ops), 0);
	flooders[0] = thread_start(flood_server, NULL);
	flooders[1] = thread_start(flood_client, NULL);
	for (i = 0; i < 2; i++)
		COUNTER_WAIT(&calls[i], CALLS);
	/* Without the flood, handlers that wait for each other would do so for good. */
	counter_add(&stop, 1);
	REQUIRE_EQ(mrpc_conn_close(p.client), 0);
	for (i = 0; i < 2; i++)
		thread_join(flooders[i]);
	COUNTER_WAIT(&p.client_probe.disconnects, 1);
	COUNTER_WAIT(&p.server_probe.disconnects, 1);
	CHECK_EQ(counter_get(&odd), 0);
	pair_unref(&p);
}

int main(void)
{
	struct leaks leaks;
	int kind, threads, i;

	leaks_begin(&leaks);
	for (i = 0; i < 8; i++) {
		kind = i & 1 ? PAIR_TCP : PAIR_SOCKETPAIR;
		threads = i & 2 ? 3 : 1;
		releases = i & 4;
		SECTION("%s, %d dispatch threads each, events %sreleased",
			kind == PAIR_TCP ? "TCP" : "AF_UNIX", threads, releases ? "" : "not ");
		run(kind, threads);
		if (!LEAKS_CHECK(&leaks))
			break;
	}
	return tap_done();
}
