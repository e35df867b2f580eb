/* PROTO: test.mx */
/* NEEDS: additions */
/*
 * accept that is refused for good (a filter of system calls says EPERM, or ENOSYS): a
 * pause as for descriptors, without a busy loop, that is counted and told of once; who is connected
 * is served, and when accept works again, nobody is forgotten.
 */
#define _GNU_SOURCE
#include "../fault/accept_fails.h"
#include "../fault/fault.h"
#include "traced.h"

static int refusal;     /* the errno of accept, or 0 */
static struct counter tried = COUNTER_INIT;
static struct steps steps = STEPS_INIT;

static bool accept_fails(void)
{
	int e = __atomic_load_n(&refusal, __ATOMIC_ACQUIRE);

	if (e == 0)
		return false;
	counter_add(&tried, 1);
	errno = e;
	return true;
}

static void refused_with(int error, uint64_t paused)
{
	long before = counter_get(&server.accepted), tries;
	int good = server_peer(), fd;
	struct step step;
	char text[128];
	double used;

	SECTION("%s", strerror(error));
	counter_init(&tried);
	forget_steps(&steps);
	__atomic_store_n(&refusal, error, __ATOMIC_RELEASE);
	fd = peer_connect(server.port);
	COUNTER_WAIT(&tried, 3);
	SERVED(good);
	CHECK_EQ(counter_get(&server.accepted), before + 1);
	CHECK_EQ(set_stats(server.set).accepts_paused, paused);
	step = wait_step(&steps, MRPC_TRACE_ERROR, 0);
	CHECK_EQ(step.event.connection, 0);
	snprintf(text, sizeof(text), "accept: %s", strerror(error));
	CHECK_STR(step.text, text);
	tries = counter_get(&tried);
	used = cpu_ms();
	STAYS(counter_get(&server.accepted) == before + 1, 200);
	used = cpu_ms() - used;
	tries = counter_get(&tried) - tries;
	CHECK_MSG(tries <= 2 * 200 / 20, "%ld tries in 200 ms, one each 20", tries);
	CHECK_MSG(used < (double)scaled(70), "used %.0f of 200 ms", used);
	CHECK_EQ(set_stats(server.set).accepts_paused, paused);
	CHECK_EQ(count_steps(&steps, MRPC_TRACE_ERROR, 0), 1);

	__atomic_store_n(&refusal, 0, __ATOMIC_RELEASE);
	COUNTER_WAIT(&server.accepted, before + 2);
	SERVED(fd);
	SERVED(good);
	close(fd);
	close(good);
	COUNTER_WAIT(&server.ended, before + 2);
	CHECK_EQ(set_stats(server.set).connections_refused, 0);
}

int main(void)
{
	struct leaks leaks;
	int fd;

	leaks_begin(&leaks);
	server_start(1);
	REQUIRE_EQ(mrpc_set_accept_backoff(server.set, 20), 0);
	REQUIRE_EQ(mrpc_set_trace_func(server.set, note_step, &steps), 0);
	refused_with(EPERM, 1);
	refused_with(ENOSYS, 2);

	SECTION("a connection that went before it was accepted is refused, without a pause");
	__atomic_store_n(&refusal, ECONNABORTED, __ATOMIC_RELEASE);
	counter_init(&tried);
	fd = peer_connect(server.port);
	COUNTER_WAIT(&tried, 1);
	__atomic_store_n(&refusal, 0, __ATOMIC_RELEASE);
	COUNTER_WAIT(&server.accepted, 5);
	CHECK_EQ(set_stats(server.set).connections_refused, counter_get(&tried));
	CHECK_EQ(set_stats(server.set).accepts_paused, 2);
	SERVED(fd);
	close(fd);
	server_stop();
	LEAKS_CHECK(&leaks);
	return tap_done();
}
