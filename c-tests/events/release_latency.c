/* PROTO: test.mx */
/* MODES: plain (measures time) */
/*
 * What a handler sends after it has released its event leaves at once, as another
 * thread's would: it is not gathered, although the event came together with others.
 */
#include "extra_rt.h"
#include "latency.h"

enum { ROUNDS = 31 };

static struct counter sent = COUNTER_INIT, received = COUNTER_INIT;
static int64_t start;

static void poke(void *data, struct mrpc_message *msg)
{
	struct mrpc_connection *conn = ((struct probe *)data)->user;

	(void)msg;
	CHECK_EQ(mrpc_release_event(), 0);
	CHECK_EQ(test_tick(conn), MINIRPC_OK);
	start = now_us();
	CHECK_EQ(test_tick(conn), MINIRPC_OK);
	counter_add(&sent, 1);
}

static void notify(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	(void)in;
	COUNTER_WAIT(&received, 1);     /* the end of an event sends what others gathered */
}

static const struct test_server_operations ops = { .poke = poke, .notify = notify };

static struct end e;

/* How long the second message of the handler took, on a connection of its own. */
static int64_t run(void)
{
	unsigned char data[2 * HEADER_LEN + 4];
	struct mrpc_connection *conn;
	struct probe probe;
	struct frame f;
	int64_t end = 0;
	int fd, i;

	counter_init(&sent);
	counter_init(&received);
	probe_init(&probe);
	fd = end_add(e.set, &conn, &probe, false);
	probe.user = conn;
	REQUIRE_EQ(test_server_set_operations(conn, &ops), 0);
	peer_header(data, 0, PENDING, nr_test_poke, 0);
	peer_header(data + HEADER_LEN, 1, PENDING, nr_test_notify, 4);
	put_u32(data + 2 * HEADER_LEN, 0);
	peer_write(fd, data, sizeof(data));
	for (i = 0; i < 2; i++) {
		peer_recv(fd, &f);
		end = now_us();
		CHECK_EQ(f.cmd, nr_test_tick);
		free(f.data);
	}
	counter_add(&received, 1);
	COUNTER_WAIT(&sent, 1);
	close(fd);
	COUNTER_WAIT(&probe.disconnects, 1);
	mrpc_conn_unref(conn);
	return end - start;
}

/* While it waits, the library's ticks are long, and nobody is rung for. */
static void *call(void *arg)
{
	CHECK_EQ(test_client_ping(arg), MINIRPC_OK);
	return NULL;
}

static void measure(int64_t *took)
{
	pthread_t thread = thread_start(call, e.conn);
	struct frame f;
	int i;

	peer_recv(e.fd, &f);
	pause_ms(40);
	for (i = 0; i < ROUNDS; i++)
		took[i] = run();
	peer_send(e.fd, f.seq, MINIRPC_OK, f.cmd, NULL, 0);
	free(f.data);
	thread_join(thread);
}

int main(void)
{
	SECTION("messages of a handler that has released its event");
	end_open_server(&e, &ops, 3);
	latency_check(measure, ROUNDS);
	end_close(&e);
	return tap_done();
}
