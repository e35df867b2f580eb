/* PROTO: test.mx */
/* NEEDS: additions */
/* MODES: plain asan (a process under valgrind is too slow to be stopped in time) */
/*
 * A process that is stopped while its set drains, for longer than our side waits for a next
 * request: what has arrived meanwhile is answered all the same, before our side ends.
 */
#include "drain.h"

enum { ROUNDS = 20, LONGER_MS = 100 };

/* The child drains a set with one connection, and says when it has begun. */
static void drains(int fd, int said)
{
	struct mrpc_connection *conn;
	struct mrpc_conn_set *set;
	struct probe probe;
	struct drain d;

	probe_init(&probe);
	REQUIRE_EQ(mrpc_conn_set_create(&set, test_server, NULL), 0);
	probe_watch(set);
	REQUIRE_EQ(mrpc_set_accept_func(set, drain_accept), 0);
	REQUIRE_EQ(mrpc_start_dispatch_thread(set), 0);
	REQUIRE_EQ(mrpc_conn_create(&conn, set, &probe), 0);
	REQUIRE_EQ(mrpc_bind_fd(conn, fd), 0);
	drain_start(&d, set, 0);
	peer_write(said, "", 1);
	_exit(drain_join(&d));
}

/* Whether a request that came while the process was stopped got its refusal; one that could
 * not be stopped before its side ended tells nothing. */
static bool one_round(int *told)
{
	int ends[2], said[2], status;
	unsigned char header[HEADER_LEN];
	bool answered = true;
	pid_t child;
	char c;

	REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, said), 0);
	child = fork();
	REQUIRE(child >= 0);
	if (child == 0) {
		close(ends[1]);
		drains(ends[0], said[1]);
	}
	close(ends[0]);
	close(said[1]);
	REQUIRE_EQ(read(said[0], &c, 1), 1);
	REQUIRE_EQ(kill(child, SIGSTOP), 0);
	REQUIRE_EQ(waitpid(child, &status, WUNTRACED), child);
	if (recv(ends[1], &c, 1, MSG_DONTWAIT) < 0) {
		peer_send(ends[1], 7, PENDING, nr_test_ping, NULL, 0);
		usleep(LONGER_MS * 1000);
		REQUIRE_EQ(kill(child, SIGCONT), 0);
		answered = peer_read(ends[1], header, sizeof(header)) &&
			   get_u32(header) == 7 &&
			   (int)get_u32(header + 4) == MINIRPC_PROCEDURE_UNAVAIL;
		++*told;
	}
	kill(child, SIGCONT);
	close(ends[1]);
	close(said[0]);
	REQUIRE_EQ(waitpid(child, &status, 0), child);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	return answered;
}

int main(void)
{
	int i, told = 0, answered = 0;

	SECTION("%d times", ROUNDS);
	for (i = 0; i < ROUNDS; i++)
		answered += one_round(&told);
	tap_note("%d were stopped in time", told);
	CHECK_EQ(answered, ROUNDS);
	return tap_done();
}
