/*
 * Replies from the peer: in any order, many at once, one twice, one for each of
 * many calls; the wrong ones between the right ones do no harm.
 */
/* PROTO: test.mx */
#include "wire.h"

enum { CALLS = 300 };

static int results[CALLS];
static mrpc_status_t statuses[CALLS];
static int fired[CALLS];
static struct counter done = COUNTER_INIT;

static void on_reply(void *conn_data, void *msg_data, mrpc_status_t status, number *reply)
{
	int *slot = msg_data;
	long i = slot - results;

	(void)conn_data;
	*slot = reply != NULL ? *reply : -1;
	statuses[i] = status;
	fired[i]++;
	counter_add(&done, 1);
}

/* Makes the calls and reads their requests; call i has sequence i. */
static void call_all(struct wire *w)
{
	memset(fired, 0, sizeof(fired));
	counter_init(&done);
	for (int i = 0; i < CALLS; i++) {
		operands in = { i, 1 };
		struct frame f;

		REQUIRE_EQ(w->role == AS_SERVER
			   ? test_client_add_async(w->conn, on_reply, &results[i], &in)
			   : test_add_async(w->conn, on_reply, &results[i], &in), MINIRPC_OK);
		peer_recv(w->peer, &f);
		REQUIRE_EQ(f.seq, i);
		free(f.data);
	}
}

/* The reply to call i: 10 * i. */
static size_t put_reply(unsigned char *at, int i)
{
	peer_header(at, (uint32_t)i, MINIRPC_OK, CMD_ADD, 4);
	put_u32(at + HEADER_LEN, (uint32_t)i * 10);
	return HEADER_LEN + 4;
}

static void check_all(void)
{
	COUNTER_WAIT(&done, CALLS);
	for (int i = 0; i < CALLS; i++) {
		CHECK_EQ(fired[i], 1);
		CHECK_EQ(statuses[i], MINIRPC_OK);
		CHECK_EQ(results[i], 10 * i);
	}
}

int main(void)
{
	static unsigned char batch[CALLS * 100];
	struct leaks leaks;
	struct wire w;
	size_t len;

	leaks_begin(&leaks);
	for (int role = 0; role < ROLES; role++) {
		SECTION("%s: last call first, in one write", wire_role_name(role));
		wire_open(&w, role);
		call_all(&w);
		len = 0;
		for (int i = CALLS - 1; i >= 0; i--)
			len += put_reply(batch + len, i);
		peer_write(w.peer, batch, len);
		check_all();
		CHECK_EQ(counter_get(&w.probe.ioerrs), 0);
		wire_close(&w);

		SECTION("%s: even ones, then odd ones, one by one", wire_role_name(role));
		wire_open(&w, role);
		call_all(&w);
		for (int i = 0; i < CALLS; i++) {
			int call = i < CALLS / 2 ? 2 * i : 2 * (i - CALLS / 2) + 1;

			peer_write(w.peer, batch, put_reply(batch, call));
		}
		check_all();
		wire_close(&w);

		SECTION("%s: each twice, with replies to nothing and requests between",
			wire_role_name(role));
		wire_open(&w, role);
		call_all(&w);
		len = 0;
		for (int i = 0; i < CALLS; i++) {
			len += put_reply(batch + len, i);
			len += put_reply(batch + len, i);
			len += put_reply(batch + len, i + CALLS);
			peer_header(batch + len, (uint32_t)i, PENDING, CMD_PING, 0);
			len += HEADER_LEN;
		}
		peer_write(w.peer, batch, len);
		for (int i = 0; i < CALLS; i++)
			PEER_EXPECT(w.peer, (uint32_t)i, MINIRPC_OK, CMD_PING, NULL, 0);
		check_all();
		COUNTER_WAIT(&w.probe.ioerrs, 2 * CALLS);
		wire_disconnect(&w);
		CHECK_EQ(counter_get(&w.probe.ioerrs), 2 * CALLS);
		CHECK_EQ(counter_get(&done), CALLS);
		mrpc_conn_set_unref(w.set);
	}
	SECTION("nothing is left");
	LEAKS_CHECK(&leaks);
	return tap_done();
}
