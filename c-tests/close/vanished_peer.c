/* PROTO: test.mx */
/*
 * A sync caller is failed as soon as its connection is dead, not when the event
 * queue has drained: in a handler of the same connection, of another one, of
 * another set; without a dispatcher; with its events stopped; with events
 * queued before.
 */
#include "extra_rt.h"

static struct mrpc_connection *callee;
static struct counter returned = COUNTER_INIT, inside = COUNTER_INIT;

static mrpc_status_t client_relay(void *data, struct mrpc_message *msg, number *in,
				  number *out)
{
	(void)data;
	(void)msg;
	(void)in;
	(void)out;
	counter_add(&inside, 1);
	CHECK_EQ(test_ping(callee), MINIRPC_NETWORK_FAILURE);
	counter_add(&returned, 1);
	return 17;
}

static void event(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	(void)in;
}

static const struct test_client_operations ops = { .client_relay = client_relay, .event = event };

static void *call(void *arg)
{
	CHECK_EQ(test_ping(arg), MINIRPC_NETWORK_FAILURE);
	counter_add(&returned, 1);
	return NULL;
}

static void next_request(int fd)
{
	struct frame f;

	do {
		peer_recv(fd, &f);
		free(f.data);
	} while (f.status != PENDING);
}

/* The handler's own peer vanishes, or another one. */
static void in_handler(struct end *asker, struct end *asked)
{
	int i;

	callee = asked->conn;
	counter_init(&returned);
	peer_number(asker->fd, 1, nr_test_client_relay, 1);
	next_request(asked->fd);
	for (i = 0; i < 5; i++)         /* behind the handler */
		peer_number(asked->fd, 0, nr_test_event, i);
	close(asked->fd);
	asked->fd = -1;
	PROMPT(COUNTER_WAIT(&returned, 1));
	COUNTER_WAIT(&asked->probe.disconnects, 1);
}

static void from_thread(int threads, bool stopped)
{
	struct end e;
	pthread_t thread;
	int i;

	end_open_client(&e, &ops, threads);
	counter_init(&returned);
	if (stopped)
		CHECK_EQ(mrpc_stop_events(e.conn), 0);
	thread = thread_start(call, e.conn);
	next_request(e.fd);
	for (i = 0; i < 5; i++)
		peer_number(e.fd, 0, nr_test_event, i);
	close(e.fd);
	e.fd = -1;
	PROMPT(COUNTER_WAIT(&returned, 1));
	thread_join(thread);
	if (stopped)
		CHECK_EQ(mrpc_start_events(e.conn), 0);
	end_close(&e);
}

int main(void)
{
	struct leaks leaks;
	struct end a, b;

	leaks_begin(&leaks);
	SECTION("in a handler of the same connection, one dispatcher");
	end_open_client(&a, &ops, 1);
	in_handler(&a, &a);
	end_close(&a);

	SECTION("in a handler of another connection of the same set");
	end_open_client(&a, &ops, 1);
	probe_init(&b.probe);
	b.fd = end_add(a.set, &b.conn, &b.probe, true);
	in_handler(&a, &b);
	PEER_EXPECT(a.fd, 1, 17, nr_test_client_relay, NULL, 0);
	mrpc_conn_unref(b.conn);
	end_close(&a);

	SECTION("in a handler, to a connection of another set");
	end_open_client(&a, &ops, 1);
	end_open_client(&b, &ops, 1);
	in_handler(&a, &b);
	PEER_EXPECT(a.fd, 1, 17, nr_test_client_relay, NULL, 0);
	end_close(&b);
	end_close(&a);

	SECTION("no dispatcher at all");
	from_thread(BY_HAND, false);
	SECTION("events stopped");
	from_thread(1, true);
	SECTION("a dispatcher, events queued before");
	from_thread(1, false);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
