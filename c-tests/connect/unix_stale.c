/*
 * A socket file that nobody listens on is replaced, by one process at a time; what
 * somebody listens on, or is no socket, is EADDRINUSE and stays as it is.
 */
/* PROTO: test.mx */
/* NEEDS: additions */
/* MODES: plain asan (forked children with sets) */
/* TIMEOUT: 60 */
#include "connect.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

enum { RACERS = 8, ROUNDS = 20 };

/* A socket bound to a path; with a backlog, it listens. */
static int bound(const char *path, int type, int backlog)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	REQUIRE(fd >= 0);
	strcpy(un.sun_path, path);
	REQUIRE_EQ(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	if (backlog > 0)
		REQUIRE_EQ(listen(fd, backlog), 0);
	return fd;
}

static ino_t inode(const char *path)
{
	struct stat status;

	return lstat(path, &status) == 0 ? status.st_ino : 0;
}

/* Of processes that listen at the same moment, one may. */
static void race(const char *path)
{
	int go[2], results[2], stop[2], i, result, won = 0;

	REQUIRE_EQ(pipe(go), 0);
	REQUIRE_EQ(pipe(results), 0);
	REQUIRE_EQ(pipe(stop), 0);
	for (i = 0; i < RACERS; i++) {
		pid_t child = fork();

		REQUIRE(child >= 0);
		if (child == 0) {
			struct place place;
			char byte;

			close(go[1]);
			close(stop[1]);
			place_open(&place);
			(void)!read(go[0], &byte, 1);
			result = place_listen_unix(&place, path);
			(void)!write(results[1], &result, sizeof(result));
			/* all have tried */
			(void)!read(stop[0], &byte, 1);
			_exit(0);
		}
	}
	close(go[0]);
	close(go[1]);
	for (i = 0; i < RACERS; i++) {
		REQUIRE_EQ(read(results[0], &result, sizeof(result)), sizeof(result));
		CHECK_MSG(result == 0 || result == EADDRINUSE, "%s", strerror(result));
		won += result == 0;
	}
	CHECK_EQ(won, 1);
	close(results[0]);
	close(results[1]);
	close(stop[0]);
	close(stop[1]);
	for (i = 0; i < RACERS; i++)
		REQUIRE(wait(NULL) > 0);
}

int main(void)
{
	struct place place, second;
	struct mrpc_conn_set *set;
	struct leaks leaks;
	ino_t there;
	int fd, i;

	REQUIRE_EQ(chdir(test_scratch()), 0);
	SECTION("of several processes one may, and no lock is left");
	close(bound("raced", SOCK_STREAM, 1));
	for (i = 0; i < ROUNDS; i++)
		race("raced");
	CHECK_EQ(access("raced.lock", F_OK), -1);

	leaks_begin(&leaks);
	place_open(&place);
	place_open(&second);
	set = client_open();

	SECTION("a file that nobody listens on is replaced");
	close(bound("stale", SOCK_STREAM, 1));
	CHECK_EQ(place_listen_unix(&place, "stale"), 0);
	CHECK_EQ(visit(set, AF_UNIX, "stale", ""), 0);
	CHECK_EQ(access("stale.lock", F_OK), -1);

	SECTION("what somebody listens on is in use");
	there = inode("stale");
	CHECK_EQ(place_listen_unix(&second, "stale"), EADDRINUSE);
	CHECK_EQ(place_listen_unix(&place, "stale"), EADDRINUSE);
	CHECK_EQ(inode("stale"), there);
	CHECK_EQ(visit(set, AF_UNIX, "stale", ""), 0);

	SECTION("also with a full backlog, and of another type");
	fd = bound("full", SOCK_STREAM, 1);
	there = inode("full");
	for (i = 0; i < 3; i++)
		CHECK_EQ(place_listen_unix(&place, "full"), EADDRINUSE);
	CHECK_EQ(inode("full"), there);
	close(fd);
	fd = bound("datagrams", SOCK_DGRAM, 0);
	CHECK_EQ(place_listen_unix(&place, "datagrams"), EADDRINUSE);
	close(fd);

	SECTION("a file that is no socket is in use, and stays");
	fd = creat("file", 0600);
	REQUIRE(fd >= 0);
	close(fd);
	there = inode("file");
	CHECK_EQ(place_listen_unix(&place, "file"), EADDRINUSE);
	CHECK_EQ(inode("file"), there);
	close(bound("target", SOCK_STREAM, 1));
	REQUIRE_EQ(symlink("target", "link"), 0);
	CHECK_EQ(place_listen_unix(&place, "link"), EADDRINUSE);
	CHECK(inode("link") != 0 && inode("target") != 0);

	SECTION("while another process holds the lock, it is waited for");
	close(bound("held", SOCK_STREAM, 1));
	{
		int status = -1, lock = open("held.lock", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
		pid_t child;

		REQUIRE(lock >= 0);
		REQUIRE_EQ(flock(lock, LOCK_EX), 0);
		child = fork();
		REQUIRE(child >= 0);
		if (child == 0) {
			struct place other;

			close(lock);
			place_open(&other);
			_exit(place_listen_unix(&other, "held"));
		}
		STAYS(waitpid(child, &status, WNOHANG) == 0, 200);
		close(lock);
		REQUIRE_EQ(waitpid(child, &status, 0), child);
		CHECK_EQ(status, 0);
	}

	SECTION("a directory that is not there");
	CHECK_EQ(place_listen_unix(&place, "nowhere/socket"), ENOENT);

	SECTION("nothing is left");
	place_close(&place);
	place_close(&second);
	mrpc_conn_set_unref(set);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
