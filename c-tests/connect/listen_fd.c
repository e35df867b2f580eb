/*
 * mrpc_listen_fd: a socket that listens already, as service managers pass them on. What it
 * refuses stays the caller's, as it was; the library closes its descriptor, and the socket
 * goes on listening for others who have it.
 */
/* PROTO: test.mx */
/* NEEDS: additions */
/* MODES: plain asan (executes itself) */
#include "connect.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/wait.h>

enum { FIRST = 3 };      /* where service managers put the first descriptor */

/* What is executed with the socket: serves until its input ends. */
static int activated(void)
{
	static struct place place;      /* the library's threads go on for a moment */
	char byte;

	if (getenv("LISTEN_FDS") == NULL || atoi(getenv("LISTEN_FDS")) != 1)
		return 1;
	place_open(&place);
	if (mrpc_listen_fd(place.set, FIRST) != 0 ||
	    !(fcntl(FIRST, F_GETFD) & FD_CLOEXEC))
		return 2;
	(void)!read(0, &byte, 1);
	place_close(&place);
	return 0;
}

static void activate(const char *self, struct mrpc_conn_set *set)
{
	int input[2], listener, status = -1;
	char port[8], copy[4096];
	pid_t child;

	snprintf(copy, sizeof(copy), "%s", self);
	listener = peer_listen(port);
	REQUIRE_EQ(pipe(input), 0);
	child = fork();
	REQUIRE(child >= 0);
	if (child == 0) {
		dup2(input[0], 0);
		close(input[0]);
		close(input[1]);
		if (listener == FIRST)
			fcntl(listener, F_SETFD, 0);
		else
			dup2(listener, FIRST);
		setenv("LISTEN_FDS", "1", 1);
		execl(copy, copy, "activated", (char *)NULL);
		_exit(127);
	}
	close(input[0]);
	/* even before it serves, the socket takes connections */
	CHECK_EQ(visit(set, AF_INET, "127.0.0.1", port), 0);
	close(input[1]);
	REQUIRE_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
	close(listener);
}

static bool is_nonblocking(int fd)
{
	return fcntl(fd, F_GETFL) & O_NONBLOCK;
}

int main(int argc, char **argv)
{
	struct mrpc_conn_set *set;
	struct place place;
	struct leaks leaks;
	char port[8];
	int listener, copy, fd, closed, fds[2];

	if (argc > 1)
		return activated();
	leaks_begin(&leaks);
	set = client_open();
	REQUIRE_EQ(mrpc_conn_set_create(&place.set, test_server, &place), 0);

	SECTION("EINVAL: no accept function, a client's set, NULL");
	listener = peer_listen(port);
	CHECK_EQ(mrpc_listen_fd(place.set, listener), EINVAL);
	CHECK_EQ(mrpc_listen_fd(set, listener), EINVAL);
	CHECK_EQ(mrpc_listen_fd(NULL, listener), EINVAL);
	mrpc_conn_set_unref(place.set);
	place_open(&place);

	SECTION("EINVAL: it does not listen");
	REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	CHECK_EQ(mrpc_listen_fd(place.set, fds[0]), EINVAL);
	CHECK(!is_nonblocking(fds[0]));
	close(fds[0]);
	close(fds[1]);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK_EQ(mrpc_listen_fd(place.set, fd), EINVAL);
	close(fd);
	fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	REQUIRE_EQ(bind(fd, &(struct sockaddr){ .sa_family = AF_UNIX }, sizeof(sa_family_t)), 0);
	REQUIRE_EQ(listen(fd, 1), 0);
	CHECK_EQ(mrpc_listen_fd(place.set, fd), EINVAL);
	close(fd);

	SECTION("ENOTSOCK, EBADF");
	REQUIRE_EQ(pipe(fds), 0);
	CHECK_EQ(mrpc_listen_fd(place.set, fds[0]), ENOTSOCK);
	close(fds[0]);
	close(fds[1]);
	closed = dup(0);
	close(closed);
	CHECK_EQ(mrpc_listen_fd(place.set, closed), EBADF);
	CHECK_EQ(mrpc_listen_fd(place.set, -1), EBADF);

	SECTION("it serves; O_NONBLOCK is set");
	CHECK(!is_nonblocking(listener));
	copy = dup(listener);
	CHECK_EQ(mrpc_listen_fd(place.set, listener), 0);
	CHECK(is_nonblocking(copy));
	CHECK(fcntl(listener, F_GETFD) & FD_CLOEXEC);
	CHECK_EQ(visit(set, AF_INET, "127.0.0.1", port), 0);
	CHECK_EQ(mrpc_listen_fd(place.set, listener), EEXIST);
	CHECK_EQ(visit(set, AF_INET, "127.0.0.1", port), 0);

	SECTION("closed, but not shut down: who shares the socket goes on");
	mrpc_listen_close(place.set);
	WAIT_FOR(fcntl(listener, F_GETFD) == -1);
	fd = peer_connect(port);
	{
		int peer = peer_accept(copy);

		CHECK(peer >= 0);
		close(peer);
	}
	close(fd);

	SECTION("and may give it to the library again");
	CHECK_EQ(mrpc_listen_fd(place.set, copy), 0);
	CHECK_EQ(visit(set, AF_INET, "127.0.0.1", port), 0);
	place_close(&place);

	SECTION("passed on by a service manager");
	activate(argv[0], set);

	SECTION("nothing is left");
	mrpc_conn_set_unref(set);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
