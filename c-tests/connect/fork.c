/*
 * A fork while an attempt is under way: in the child it is dead, and what the child does to
 * it concerns nobody else; the child makes attempts of its own.
 */
/* PROTO: test.mx */
/* NEEDS: additions */
/* MODES: plain (to memcheck, what threads hold that a child lacks is lost; AddressSanitizer's locks do not survive a fork) */
#include "attempt.h"

#include <sys/wait.h>

/* In the child: 0 if all is well. */
static int in_child(struct attempt *a, const char *port)
{
	struct mrpc_conn_set *set;
	struct sockaddr_in addr;
	socklen_t len = sizeof(addr);
	struct attempt own;
	char words[20];

	alarm((unsigned)scaled(20000) / 1000);
	if (mrpc_conn_get_error(a->conn, words, sizeof(words)) != EINVAL ||
	    mrpc_conn_get_peer_address(a->conn, (struct sockaddr *)&addr, &len) != EINVAL ||
	    attempt_tcp(a, port) != EINVAL)
		return 1;
	if (mrpc_conn_close(a->conn) != 0)
		return 2;
	mrpc_conn_unref(a->conn);

	set = client_open();
	REQUIRE_EQ(mrpc_set_connect_timeout(set, 1000 * 1000), 0);
	attempt_init(&own, set);
	if (attempt_tcp(&own, port) != 0)
		return 3;
	COUNTER_WAIT(&own.told, 1);
	if (own.error != 0 || visit(set, AF_INET, "localhost", port) != 0)
		return 4;
	use(own.conn);
	attempt_end(&own);
	mrpc_conn_set_unref(set);
	return counter_get(&a->told) == 0 ? 0 : 5;
}

int main(void)
{
	struct mrpc_conn_set *set;
	struct attempt a;
	struct place place;
	struct full full;
	struct leaks leaks;
	char *port = NULL;
	int status = -1;
	pid_t child;

	leaks_begin(&leaks);
	place_open(&place);
	REQUIRE_EQ(mrpc_listen(place.set, AF_INET, "127.0.0.1", &port), 0);
	set = client_open();
	full_open(&full);

	SECTION("in the child it is dead, and others are made");
	attempt_init(&a, set);
	CHECK_EQ(attempt_tcp(&a, full.port), 0);
	child = fork();
	REQUIRE(child >= 0);
	if (child == 0)
		_exit(in_child(&a, port));
	REQUIRE_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);

	SECTION("in the parent it goes on");
	STAYS(counter_get(&a.told) == 0, 50);
	CHECK_EQ(mrpc_conn_close(a.conn), 0);
	COUNTER_WAIT(&a.told, 1);
	CHECK_EQ(a.error, ECANCELED);
	mrpc_conn_unref(a.conn);

	SECTION("nothing is left");
	full_close(&full);
	place_close(&place);
	mrpc_conn_set_unref(set);
	free(port);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
