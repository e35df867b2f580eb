/*
 * AF_UNIX: paths of at most 107 bytes and abstract names, whose @ counts; the service is
 * empty; what is not there, or nobody's, refuses.
 */
/* PROTO: test.mx */
/* NEEDS: additions */
#include "connect.h"

#include <signal.h>
#include <sys/un.h>
#include <sys/wait.h>

enum { LONGEST = 107 };

/* first, then as many letters as make it len bytes. */
static const char *name_of(char first, int len)
{
	static char name[LONGEST + 2];

	memset(name, 'n', sizeof(name));
	name[0] = first;
	name[len] = '\0';
	return name;
}

/* The child listens, tells so, and serves until its input ends. */
static pid_t serve(const char *path)
{
	int ready[2], stop[2];
	struct place place;
	pid_t child;
	char byte;

	REQUIRE_EQ(pipe(ready), 0);
	REQUIRE_EQ(pipe(stop), 0);
	child = fork();
	REQUIRE(child >= 0);
	if (child == 0) {
		close(stop[1]);
		place_open(&place);
		if (place_listen_unix(&place, path) == 0)
			(void)!write(ready[1], "", 1);
		(void)!read(stop[0], &byte, 1);
		_exit(0);
	}
	close(stop[0]);
	close(ready[1]);
	REQUIRE_EQ(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	/* stop[1] ends with this process */
	return child;
}

int main(void)
{
	struct mrpc_conn_set *set;
	struct mrpc_connection *conn;
	struct place place;
	struct probe probe;
	struct leaks leaks;
	struct sockaddr_un un;
	char abstract[40], *service, empty[] = "", other[] = "1";
	socklen_t len = sizeof(un);
	pid_t child, pid = 0;
	uid_t uid;
	gid_t gid;

	/* relative: paths of sockets are short */
	REQUIRE_EQ(chdir(test_scratch()), 0);
	child = serve("child");
	snprintf(abstract, sizeof(abstract), "@minirpc test %d", (int)getpid());
	leaks_begin(&leaks);
	place_open(&place);
	set = client_open();

	SECTION("a path");
	CHECK_EQ(place_listen_unix(&place, "socket"), 0);
	CHECK_EQ(access("socket", F_OK), 0);
	CHECK_EQ(visit(set, AF_UNIX, "socket", ""), 0);
	service = empty;
	CHECK_EQ(mrpc_listen(place.set, AF_UNIX, "another", &service), 0);
	CHECK_PTR(service, empty);
	CHECK_EQ(visit(set, AF_UNIX, "another", ""), 0);

	SECTION("an abstract name");
	CHECK_EQ(place_listen_unix(&place, abstract), 0);
	CHECK_EQ(access(abstract, F_OK), -1);
	CHECK_EQ(visit(set, AF_UNIX, abstract, ""), 0);
	CHECK_EQ(place_listen_unix(&place, abstract), EADDRINUSE);

	SECTION("of 107 bytes");
	CHECK_EQ(place_listen_unix(&place, name_of('p', LONGEST)), 0);
	CHECK_EQ(visit(set, AF_UNIX, name_of('p', LONGEST), ""), 0);
	CHECK_EQ(place_listen_unix(&place, name_of('@', LONGEST)), 0);
	CHECK_EQ(visit(set, AF_UNIX, name_of('@', LONGEST), ""), 0);

	SECTION("ENAMETOOLONG beyond");
	CHECK_EQ(place_listen_unix(&place, name_of('p', LONGEST + 1)), ENAMETOOLONG);
	CHECK_EQ(place_listen_unix(&place, name_of('@', LONGEST + 1)), ENAMETOOLONG);
	CHECK_EQ(visit(set, AF_UNIX, name_of('p', LONGEST + 1), ""), ENAMETOOLONG);
	CHECK_EQ(visit(set, AF_UNIX, name_of('@', LONGEST + 1), ""), ENAMETOOLONG);

	SECTION("EINVAL: a service, no path");
	service = other;
	CHECK_EQ(mrpc_listen(place.set, AF_UNIX, "socket", &service), EINVAL);
	CHECK_EQ(place_listen_unix(&place, NULL), EINVAL);
	CHECK_EQ(place_listen_unix(&place, ""), EINVAL);
	CHECK_EQ(visit(set, AF_UNIX, "socket", "1"), EINVAL);
	CHECK_EQ(visit(set, AF_UNIX, "socket", NULL), EINVAL);
	CHECK_EQ(visit(set, AF_UNIX, NULL, ""), EINVAL);
	CHECK_EQ(visit(set, AF_UNIX, "", ""), EINVAL);

	SECTION("what is not there, with the reason");
	probe_init(&probe);
	REQUIRE_EQ(mrpc_conn_create(&conn, set, &probe), 0);
	CHECK_EQ(mrpc_connect(conn, AF_UNIX, "nothing", ""), ENOENT);
	error_is(conn, "nothing: No such file or directory");
	CHECK_EQ(mrpc_connect(conn, AF_UNIX, "@minirpc, nobody", ""), ECONNREFUSED);
	error_is(conn, "@minirpc, nobody: Connection refused");

	SECTION("the peer's address and credentials");
	REQUIRE_EQ(mrpc_connect(conn, AF_UNIX, "child", ""), 0);
	use(conn);
	error_is(conn, "");
	CHECK_EQ(mrpc_conn_get_peer_address(conn, (struct sockaddr *)&un, &len), 0);
	CHECK_EQ(un.sun_family, AF_UNIX);
	CHECK_STR(un.sun_path, "child");
	CHECK_EQ(mrpc_conn_get_peer_credentials(conn, &pid, &uid, &gid), 0);
	CHECK_EQ(pid, child);
	CHECK_EQ(uid, geteuid());
	CHECK_EQ(mrpc_conn_close(conn), 0);
	COUNTER_WAIT(&probe.disconnects, 1);
	mrpc_conn_unref(conn);

	SECTION("nothing is left");
	place_close(&place);
	mrpc_conn_set_unref(set);
	LEAKS_CHECK(&leaks);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return tap_done();
}
