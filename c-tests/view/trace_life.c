/* PROTO: test.mx */
/* NEEDS: additions */
/*
 * UP and DOWN: once for each connection, accepted, connected or bound, with the reason and
 * the age; an error of the socket comes before the end that it makes.
 */
#include "../fault/fault.h"
#include "traced.h"

static struct steps steps = STEPS_INIT, clients = STEPS_INIT;

/* It comes up, is used, and goes; what DOWN says. */
static struct step lives(uint64_t id, bool reset)
{
	struct step up, down;
	int fd;

	forget_steps(&steps);
	fd = peer_connect(server.port);
	up = wait_step(&steps, MRPC_TRACE_UP, 0);
	CHECK_EQ(up.event.connection, id);
	SERVED(fd);
	usleep(20000);
	if (reset)
		peer_reset(fd);
	else
		close(fd);
	down = wait_step(&steps, MRPC_TRACE_DOWN, 0);
	CHECK_EQ(down.event.connection, id);
	CHECK(up.event.time_ns < down.event.time_ns);
	/* the age goes by a clock of some milliseconds */
	CHECK(down.event.took_ns + 15000000 >= down.event.time_ns - up.event.time_ns);
	CHECK(down.event.took_ns <= down.event.time_ns - up.event.time_ns + 15000000);
	CHECK_EQ(count_steps(&steps, MRPC_TRACE_UP, 0), 1);
	CHECK_EQ(count_steps(&steps, MRPC_TRACE_DOWN, 0), 1);
	return down;
}

int main(void)
{
	struct mrpc_connection *conn;
	struct mrpc_conn_set *set;
	struct step down, error;
	struct leaks leaks;

	leaks_begin(&leaks);
	server_start(1);
	REQUIRE_EQ(mrpc_set_trace_func(server.set, note_step, &steps), 0);
	SECTION("accepted, and closed by the peer");
	down = lives(1, false);
	CHECK_EQ(down.event.status, MRPC_DISC_CLOSED);
	CHECK_EQ(count_steps(&steps, MRPC_TRACE_ERROR, 0), 0);

	SECTION("reset: the error, and then the end");
	down = lives(2, true);
	CHECK_EQ(down.event.status, MRPC_DISC_IOERR);
	error = wait_step(&steps, MRPC_TRACE_ERROR, 0);
	CHECK_EQ(error.event.connection, 2);
	CHECK(error.text[0] != '\0');
	CHECK(error.event.time_ns <= down.event.time_ns);

	SECTION("connected, and closed by its user; told when the function that did it returns");
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_client, NULL), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	REQUIRE_EQ(mrpc_set_trace_func(set, note_step, &clients), 0);
	REQUIRE_EQ(mrpc_conn_create(&conn, set, NULL), 0);
	REQUIRE_EQ(mrpc_connect(conn, AF_INET, "127.0.0.1", server.port), 0);
	CHECK_EQ(count_steps(&clients, MRPC_TRACE_UP, 0), 1);
	CHECK_EQ(mrpc_conn_close(conn), 0);
	down = wait_step(&clients, MRPC_TRACE_DOWN, 0);
	CHECK_EQ(down.event.status, MRPC_DISC_USER);
	mrpc_conn_unref(conn);
	mrpc_conn_set_unref(set);
	COUNTER_WAIT(&server.ended, 3);
	server_stop();
	LEAKS_CHECK(&leaks);
	return tap_done();
}
