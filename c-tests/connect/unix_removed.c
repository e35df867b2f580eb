/*
 * A listener removes its socket file when it is closed, wherever the process has gone
 * meanwhile; not if another file is there by then, and never in a forked child.
 */
/* PROTO: test.mx */
/* NEEDS: additions */
/* MODES: plain asan (to memcheck, what the parent held is lost in the child) */
#include "connect.h"

#include <fcntl.h>
#include <sys/wait.h>

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

int main(void)
{
	struct place place, next;
	struct mrpc_conn_set *set;
	struct leaks leaks;
	int status = -1, fd;
	pid_t child;

	REQUIRE_EQ(chdir(test_scratch()), 0);
	leaks_begin(&leaks);
	set = client_open();

	SECTION("not by a forked child");
	place_open(&place);
	REQUIRE_EQ(place_listen_unix(&place, "socket"), 0);
	child = fork();
	REQUIRE(child >= 0);
	if (child == 0) {
		place_close(&place);
		_exit(exists("socket") ? 0 : 1);
	}
	REQUIRE_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
	CHECK_EQ(visit(set, AF_UNIX, "socket", ""), 0);

	SECTION("at close, from another directory");
	REQUIRE_EQ(chdir("/"), 0);
	mrpc_listen_close(place.set);
	REQUIRE_EQ(chdir(test_scratch()), 0);
	CHECK(!exists("socket"));

	SECTION("not one that somebody else has bound meanwhile");
	REQUIRE_EQ(place_listen_unix(&place, "socket"), 0);
	REQUIRE_EQ(unlink("socket"), 0);
	place_open(&next);
	REQUIRE_EQ(place_listen_unix(&next, "socket"), 0);
	mrpc_listen_close(place.set);
	CHECK(exists("socket"));
	CHECK_EQ(visit(set, AF_UNIX, "socket", ""), 0);
	CHECK_EQ(counter_get(&next.accepted), 1);

	SECTION("nor a file of another kind");
	REQUIRE_EQ(unlink("socket"), 0);
	fd = creat("socket", 0600);
	REQUIRE(fd >= 0);
	close(fd);
	mrpc_listen_close(next.set);
	CHECK(exists("socket"));

	SECTION("nothing is left");
	place_close(&place);
	place_close(&next);
	mrpc_conn_set_unref(set);
	LEAKS_CHECK(&leaks);
	return tap_done();
}
