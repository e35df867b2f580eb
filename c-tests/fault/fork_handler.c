/* PROTO: test.mx */
/* MODES: plain (to memcheck, what threads hold that a child lacks is lost; AddressSanitizer's locks do not survive a fork) */
/*
 * A handler forks, in the middle of a batch of requests. The child may exit, or
 * make a set of its own and dispatch for it, or return from the handler: what
 * the parent owes its peer is the parent's to send, once.
 */
#include "child.h"

enum how { EXITS, DISPATCHES, RELEASES, RETURNS, HOWS };
static const char *const names[] = {
	"exits", "dispatches for a set of its own", "releases the event",
	"returns from the handler"
};

enum { REQUESTS = 40, FORKS_AT = 20 };

static enum how how;
static pid_t child;
static int handled;
static struct counter own_calls = COUNTER_INIT;

static mrpc_status_t own_ping(void *data, struct mrpc_message *msg)
{
	(void)data;
	(void)msg;
	counter_add(&own_calls, 1);
	return MINIRPC_OK;
}

static const struct test_server_operations own_ops = { .ping = own_ping };

/* In the handler's thread, which is the only one there is in the child. */
static void dispatch_own(void)
{
	struct mrpc_conn_set *set;
	struct mrpc_connection *conn;
	struct frame f;
	int fd;

	CHILD_CHECK(mrpc_conn_set_create(&set, test_server, NULL) == 0);
	CHILD_CHECK(mrpc_conn_create(&conn, set, NULL) == 0);
	CHILD_CHECK(test_server_set_operations(conn, &own_ops) == 0);
	fd = peer_bind(conn);
	mrpc_dispatcher_add(set);
	peer_send(fd, 9, PENDING, nr_test_ping, NULL, 0);
	while (counter_get(&own_calls) == 0)
		CHILD_CHECK(mrpc_dispatch(set, 0) == EAGAIN);
	peer_recv(fd, &f);
	CHILD_CHECK(f.seq == 9 && f.status == MINIRPC_OK);
	free(f.data);
}

static mrpc_status_t ping(void *data, struct mrpc_message *msg)
{
	(void)data;
	(void)msg;
	if (++handled != FORKS_AT)
		return MINIRPC_OK;
	child = child_fork();
	if (child > 0) {
		CHILD_WAIT(child);
		return MINIRPC_OK;
	}
	switch (how) {
	case EXITS:
		exit(0);
	case DISPATCHES:
		dispatch_own();
		break;
	case RELEASES:
		CHILD_CHECK(mrpc_release_event() != 0);
		break;
	default:
		return MINIRPC_OK;
	}
	child_exit();
	return MINIRPC_OK;
}

static const struct test_server_operations ops = { .ping = ping };

int main(void)
{
	unsigned char requests[REQUESTS * HEADER_LEN];
	int i, result;
	struct end e;

	for (how = EXITS; how < HOWS; how++) {
		SECTION("the child %s", names[how]);
		handled = 0;
		end_open_server(&e, &ops, BY_HAND);
		for (i = 0; i < REQUESTS; i++)
			peer_header(requests + i * HEADER_LEN, (uint32_t)i, PENDING, nr_test_ping, 0);
		peer_write(e.fd, requests, sizeof(requests));
		WAIT_FOR(conn_count(e.conn, MRPC_CONNCTR_RECV_MSGS) == REQUESTS);
		/* Counted is not queued yet. */
		WAIT_FOR(poll(&(struct pollfd){ mrpc_get_event_fd(e.set), POLLIN, 0 }, 1, 0) == 1);
		child = -1;
		result = mrpc_dispatch(e.set, 0);
		if (child == 0)         /* it came back to where its parent's events were run */
			_exit(result == 0 || result == EAGAIN);
		for (i = 0; i < REQUESTS; i++)
			PEER_EXPECT(e.fd, (uint32_t)i, MINIRPC_OK, nr_test_ping, NULL, 0);
		PEER_QUIET(e.fd, 50);
		end_close(&e);
	}
	return tap_done();
}
