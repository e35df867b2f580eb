/* PROTO: test.mx */
/*
 * Requests whose handler never returned, or returned MINIRPC_PENDING when its
 * connection was gone already: nothing of them stays, nor of their connection.
 */
#include "destroy.h"

static struct counter left = COUNTER_INIT;

/* Ends its thread. */
static mrpc_status_t ping(void *data, struct mrpc_message *msg)
{
	(void)data;
	(void)msg;
	counter_add(&left, 1);
	pthread_exit(NULL);
}

/* Keeps what nobody will reply to. */
static mrpc_status_t later_void(void *data, struct mrpc_message *msg, number *in)
{
	struct end *e = ((struct probe *)data)->user;

	(void)msg;
	(void)in;
	CHECK_EQ(mrpc_conn_close(e->conn), 0);
	counter_add(&left, 1);
	return MINIRPC_PENDING;
}

static const struct test_server_operations ops = { .ping = ping, .later_void = later_void };

static void run(int cmd)
{
	struct leaks leaks;
	struct end e;
	int i;

	leaks_begin(&leaks);
	for (i = 0; i < 5; i++) {
		counter_init(&left);
		end_open_server(&e, &ops, 1);
		e.probe.user = &e;
		if (cmd == nr_test_ping)
			peer_send(e.fd, 1, PENDING, cmd, NULL, 0);
		else
			peer_number(e.fd, 1, cmd, i);
		COUNTER_WAIT(&left, 1);
		REQUIRE_EQ(mrpc_start_dispatch_thread(e.set), 0);
		end_close(&e);
	}
	LEAKS_CHECK(&leaks);
}

int main(void)
{
	SECTION("the handler's thread ends");
	run(nr_test_ping);
	SECTION("the handler closes its connection, and its request is pending");
	run(nr_test_later_void);
	return tap_done();
}
