/* PROTO: test.mx */
/*
 * The peer closes: what had arrived completely is still dispatched, then the
 * outstanding calls fail, then disconnect fires with CLOSED. A partial message
 * at the end is dropped. A reset: an ioerr and IOERR.
 */
#include "extra_rt.h"

static struct trace trace = TRACE_INIT;

static void notify(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	trace_add(&trace, *in);
}

static void replied(void *data, void *private, mrpc_status_t status)
{
	struct probe *p = data;

	(void)private;
	CHECK_EQ(status, MINIRPC_NETWORK_FAILURE);
	CHECK_EQ(counter_get(&p->disconnects), 0);
	trace_add(&trace, -1);
}

static const struct test_server_operations ops = { .notify = notify };

enum how { CLOSE, HALF_HEADER, HALF_PAYLOAD, SHUTDOWN };

static void run(enum how how, int threads, bool tcp)
{
	unsigned char header[HEADER_LEN + 2];
	struct frame f;
	struct end e;
	int i;

	trace_clear(&trace);
	end_open(&e, test_server, threads, tcp);
	REQUIRE_EQ(test_server_set_operations(e.conn, &ops), 0);
	REQUIRE_EQ(test_client_ping_async(e.conn, replied, NULL), MINIRPC_OK);
	peer_recv(e.fd, &f);
	free(f.data);
	for (i = 0; i < 20; i++)
		peer_number(e.fd, 0, nr_test_notify, i);
	peer_header(header, 0, PENDING, nr_test_notify, 4);
	memset(header + HEADER_LEN, 0, 2);
	if (how == HALF_HEADER)
		peer_write(e.fd, header, 9);
	if (how == HALF_PAYLOAD)
		peer_write(e.fd, header, sizeof(header));
	if (how == SHUTDOWN)
		shutdown(e.fd, SHUT_WR);
	else
		close(e.fd);
	end_await(&e);
	CHECK_EQ(e.probe.reason, MRPC_DISC_CLOSED);
	CHECK_EQ(trace_len(&trace), 21);
	for (i = 0; i < 20; i++)
		CHECK_EQ(trace.values[i], i);
	CHECK_EQ(trace.values[20], -1);
	CHECK_EQ(mrpc_conn_close(e.conn), 0);
	CHECK_EQ(mrpc_conn_close(e.conn), EALREADY);
	if (how == SHUTDOWN) {
		PEER_EOF(e.fd);
		close(e.fd);
	}
	end_unref(&e);
}

int main(void)
{
	static const char *names[] = { "close", "half a header", "half a payload", "shutdown" };
	struct leaks leaks;
	struct end e;
	int how, tcp;

	leaks_begin(&leaks);
	for (how = CLOSE; how <= SHUTDOWN; how++)
		for (tcp = 0; tcp < 2; tcp++) {
			SECTION("%s, %s", names[how], tcp ? "TCP" : "socketpair");
			run((enum how)how, 2, tcp);
			run((enum how)how, BY_HAND, tcp);
		}

	SECTION("a reset is an I/O error");
	end_open(&e, test_server, 1, true);
	peer_reset(e.fd);
	end_await(&e);
	CHECK_EQ(e.probe.reason, MRPC_DISC_IOERR);
	CHECK_EQ(counter_get(&e.probe.ioerrs), 1);
	CHECK(strlen(e.probe.text) > 5);
	tap_note("%s", e.probe.text);
	end_unref(&e);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
