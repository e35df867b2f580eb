/* PROTO: test.mx */
/* One thread serves several sets, in one poll loop over their event descriptors. */
#include "extra_rt.h"

enum { SETS = 3 };

static struct trace trace = TRACE_INIT;

static void notify(void *data, struct mrpc_message *msg, number *in)
{
	(void)data;
	(void)msg;
	trace_add(&trace, *in);
}

static const struct test_server_operations ops = { .notify = notify };

static void serve(struct end *ends, long until)
{
	struct pollfd fds[SETS];
	int64_t stop = now_ms() + scaled(10000);
	int i, rc;

	for (i = 0; i < SETS; i++) {
		fds[i].fd = ends[i].set != NULL ? mrpc_get_event_fd(ends[i].set) : -1;
		fds[i].events = POLLIN;
	}
	while (trace_len(&trace) < until && CHECK(now_ms() < stop)) {
		REQUIRE(poll(fds, SETS, (int)scaled(5000)) > 0);
		for (i = 0; i < SETS; i++)
			if (fds[i].revents) {
				rc = mrpc_dispatch(ends[i].set, 1);
				CHECK(rc == 0 || rc == EAGAIN);
			}
	}
}

int main(void)
{
	struct leaks leaks;
	struct end ends[SETS];
	int i, round;
	long sum = 0;

	leaks_begin(&leaks);
	SECTION("a thread registered with %d sets", SETS);
	for (i = 0; i < SETS; i++)
		end_open_server(&ends[i], &ops, BY_HAND);
	for (round = 0; round < 20; round++)
		for (i = 0; i < SETS; i++)
			peer_number(ends[i].fd, 0, nr_test_notify, i);
	serve(ends, 20 * SETS);
	for (i = 0; i < 20 * SETS; i++)
		sum += trace.values[i];
	CHECK_EQ(sum, 20 * (0 + 1 + 2));

	SECTION("no longer registered with one, still with the others");
	mrpc_dispatcher_remove(ends[1].set);
	CHECK_EQ(mrpc_dispatch(ends[1].set, 1), EPERM);
	CHECK_EQ(mrpc_dispatch(ends[0].set, 1), EAGAIN);
	mrpc_dispatcher_add(ends[1].set);
	CHECK_EQ(mrpc_dispatch(ends[1].set, 1), EAGAIN);

	SECTION("one set goes, the others stay");
	end_close(&ends[0]);
	trace_clear(&trace);
	peer_number(ends[1].fd, 0, nr_test_notify, 1);
	peer_number(ends[2].fd, 0, nr_test_notify, 2);
	serve(ends, 2);
	end_close(&ends[2]);
	end_close(&ends[1]);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
