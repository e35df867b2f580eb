/* PROTO: test.mx */
/* MODES: plain (a jump leaves memory behind, and the sanitizer's bookkeeping) */
/*
 * A handler that is left by longjmp, out of mrpc_dispatch or mrpc_dispatch_loop:
 * the thread dispatches again, other connections are served, and where the event
 * had been released the connection too; the set can be destroyed. Left from the
 * ioerr function, which is told of a request that does not decode: that is
 * answered all the same.
 */
#include "destroy.h"

#include <setjmp.h>

static jmp_buf back;
static struct counter left = COUNTER_INIT;
static bool releases;

static void poke(void *data, struct mrpc_message *msg)
{
	(void)data;
	(void)msg;
	if (releases)
		CHECK_EQ(mrpc_release_event(), 0);
	counter_add(&left, 1);
	longjmp(back, 1);
}

static const struct test_server_operations ops = {
	.ping = answer_ping, .poke = poke, .notify = count_notify
};

static void on_ioerr(void *data, char *text)
{
	(void)data;
	(void)text;
	counter_add(&left, 1);
	longjmp(back, 1);
}

static void jump(struct mrpc_conn_set *set, bool loop)
{
	if (setjmp(back) == 0) {
		if (loop)
			mrpc_dispatch_loop(set);
		else
			DISPATCH_UNTIL(set, false);
		CHECK(!"comes back");
	}
}

static void run(bool loop)
{
	struct mrpc_connection *other;
	struct probe other_probe;
	struct end e;
	int fd, i;

	counter_init(&left);
	counter_init(&notified);
	end_open_server(&e, &ops, BY_HAND);
	peer_send(e.fd, 0, PENDING, nr_test_poke, NULL, 0);
	jump(e.set, loop);
	CHECK_EQ(counter_get(&left), 1);

	probe_init(&other_probe);
	fd = end_add(e.set, &other, &other_probe, false);
	REQUIRE_EQ(test_server_set_operations(other, &ops), 0);
	for (i = 0; i < 20; i++)
		peer_number(fd, 0, nr_test_notify, i);
	DISPATCH_UNTIL(e.set, counter_get(&notified) == 20);
	close(fd);
	DISPATCH_UNTIL(e.set, counter_get(&other_probe.disconnects) == 1);
	mrpc_conn_unref(other);
	if (releases) {
		for (i = 0; i < 20; i++)
			peer_number(e.fd, 0, nr_test_notify, i);
		DISPATCH_UNTIL(e.set, counter_get(&notified) == 40);
	}
	end_close(&e);
}

static void malformed(bool loop)
{
	struct mrpc_connection *other;
	struct probe other_probe;
	struct end e;
	int fd;

	counter_init(&left);
	counter_init(&notified);
	end_open_server(&e, &ops, BY_HAND);
	probe_init(&other_probe);
	fd = end_add(e.set, &other, &other_probe, false);
	REQUIRE_EQ(test_server_set_operations(other, &ops), 0);
	REQUIRE_EQ(mrpc_set_ioerr_func(e.set, on_ioerr), 0);
	peer_send(e.fd, 7, PENDING, nr_test_later, "abc", 3);
	jump(e.set, loop);
	CHECK_EQ(counter_get(&left), 1);
	peer_number(fd, 0, nr_test_notify, 1);
	DISPATCH_UNTIL(e.set, counter_get(&notified) == 1);
	PEER_EXPECT(e.fd, 7, MINIRPC_ENCODING_ERR, nr_test_later, NULL, 0);
	close(fd);
	DISPATCH_UNTIL(e.set, counter_get(&other_probe.disconnects) == 1);
	mrpc_conn_unref(other);
	end_close(&e);
}

int main(void)
{
	struct leaks leaks;
	int i;

	leaks_begin(&leaks);
	for (i = 0; i < 8; i++) {
		releases = i & 1;
		SECTION("out of %s, the event %sreleased",
			i & 2 ? "mrpc_dispatch_loop" : "mrpc_dispatch", releases ? "" : "not ");
		run(i & 2);
		if (!LEAKS_CHECK(&leaks))
			break;
	}
	for (i = 0; i < 2; i++) {
		SECTION("out of %s, from the ioerr function",
			i ? "mrpc_dispatch_loop" : "mrpc_dispatch");
		malformed(i);
		LEAKS_CHECK(&leaks);
	}
	return tap_done();
}
