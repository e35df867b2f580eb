/* PROTO: test.mx */
/* A dispatcher that has a lot to run on one connection looks at the others meanwhile, also where
 * some handlers take long and others do not: who writes during a long one is handled after few
 * others. */
#include "extra_rt.h"

enum { FLOOD = 400, LONG_US = 1000 };

enum { SHORT, LONG, LETTER };

static int peers[2];
static struct counter flooded = COUNTER_INIT, written = COUNTER_INIT, read_ones = COUNTER_INIT;
static bool waiting;    /* a letter, for its handler */

/* On one dispatcher: one at a time. */
static void notify(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	if (*in == LETTER) {
		waiting = false;
		counter_add(&read_ones, 1);
		return;
	}
	if (*in == LONG) {
		/* It comes while this one runs. */
		if (!waiting) {
			waiting = true;
			counter_add(&written, 1);
			peer_number(peers[1], 0, nr_test_notify, LETTER);
		}
		usleep(LONG_US);
	}
	counter_add(&flooded, 1);
}

static const struct test_server_operations ops = { .notify = notify };

/* Messages of the flood, so many short ones between two long ones. A letter is written during the
 * first long handler after the last letter's: as many are as long handlers do not keep others from
 * being seen. */
static void flood(struct mrpc_connection *conn, int each)
{
	long sent = counter_get(&flooded), letters = counter_get(&read_ones);
	int i;

	REQUIRE_EQ(mrpc_stop_events(conn), 0);
	for (i = 0; i < FLOOD; i++)
		peer_number(peers[0], 0, nr_test_notify, i % (each + 1) == each ? LONG : SHORT);
	REQUIRE_EQ(mrpc_start_events(conn), 0);
	COUNTER_WAIT(&flooded, sent + FLOOD);
	COUNTER_WAIT(&read_ones, counter_get(&written));
	letters = counter_get(&read_ones) - letters;
	CHECK_MSG(3 * letters >= FLOOD / (each + 1), "%ld letters in %d long handlers", letters,
		  FLOOD / (each + 1));
}

int main(void)
{
	struct mrpc_connection *conns[2];
	struct probe probes[2];
	struct end e;
	int i;

	end_open_server(&e, &ops, 1);
	for (i = 0; i < 2; i++) {
		probe_init(&probes[i]);
		peers[i] = end_add(e.set, &conns[i], &probes[i], false);
		REQUIRE_EQ(test_server_set_operations(conns[i], &ops), 0);
	}

	SECTION("handlers that take long");
	flood(conns[0], 0);

	SECTION("one in four takes long");
	flood(conns[0], 3);

	SECTION("one in 32 takes long");
	flood(conns[0], 31);

	for (i = 0; i < 2; i++) {
		close(peers[i]);
		COUNTER_WAIT(&probes[i].disconnects, 1);
		mrpc_conn_unref(conns[i]);
	}
	end_close(&e);
	return tap_done();
}
