/* PROTO: test.mx */
/* NEEDS: additions */
/*
 * A peer that goes away while as many of its requests as may be are kept, so that it is
 * not read from: the connection ends all the same, without an answer to any of them, and
 * what had arrived is still dispatched.
 */
#include "held.h"
#include "keep.h"

enum { LIMIT = 2, SENT = 3 };

static const struct test_server_operations ops = { .ping = answer_ping, .later = keep_later };

enum how { IN_SILENCE, WHILE_SENT_TO, WHILE_ANSWERED, HOWS };

static void run(bool tcp, enum how how)
{
	static const char *const names[] = {
		"nothing is sent to it", "a message is sent to it", "its requests are answered"
	};
	number n = 7;
	struct held h;
	int i;

	SECTION("%s: %s", tcp ? "TCP, reset" : "AF_UNIX", names[how]);
	counter_init(&keeps);
	held_open(&h, &ops, 2, tcp, 0);
	REQUIRE_EQ(mrpc_set_request_limit(h.e.set, LIMIT), 0);
	for (i = 0; i < SENT; i++)
		peer_number(h.e.fd, (uint32_t)i, nr_test_later, i);
	COUNTER_WAIT(&keeps, LIMIT);
	if (tcp)
		peer_reset(h.e.fd);
	else
		close(h.e.fd);
	h.e.fd = -1;
	for (i = 0; i < LIMIT && how == WHILE_ANSWERED; i++)
		answer_kept(i, 7);
	while (how == WHILE_SENT_TO && test_event(h.e.conn, &n) == MINIRPC_OK)
		tap_pause();
	COUNTER_WAIT(&h.e.probe.disconnects, 1);
	CHECK(h.e.probe.reason != MRPC_DISC_USER);
	CHECK_EQ(counter_get(&keeps), SENT);
	for (i = 0; i < SENT; i++)
		CHECK_EQ(answer_kept(i, 7), MINIRPC_NETWORK_FAILURE);
	held_close(&h);
}

int main(void)
{
	struct leaks leaks;
	enum how how;
	int tcp;

	leaks_begin(&leaks);
	for (tcp = 0; tcp < 2; tcp++) {
		for (how = 0; how < HOWS; how++)
			run(tcp, how);
		LEAKS_CHECK(&leaks);
	}
	return tap_done();
}
