/* MODES: plain (runs other programs) */
/* NEEDS: additions */
/* TIMEOUT: 60 */
/*
 * The code of docs/guide/connecting.md: it compiles, serves on a Unix socket and on one
 * that a service manager passes on, and tells why there is no connection.
 */
#include "../abi/build.h"

#include <signal.h>

/* Starts a command in the scratch directory. */
static pid_t start(const char *command)
{
	pid_t child = fork();

	REQUIRE(child >= 0);
	if (child == 0) {
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	return child;
}

static void stop(pid_t child)
{
	int status = -1;

	REQUIRE_EQ(kill(child, SIGTERM), 0);
	REQUIRE_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
}

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

int main(void)
{
	pid_t server;

	REQUIRE_EQ(chdir(test_scratch()), 0);
	REQUIRE_EQ(setenv("LD_LIBRARY_PATH", env("TEST_LIBDIR"), 1), 0);

	SECTION("it compiles without a warning");
	SHELL("%s/scripts/guide-code %s/docs/guide/connecting.md . && %s hello.mx", test_root(),
	      test_root(), env("TEST_MINIRPCGEN"));
	SHELL("for side in server client; do %s -Wall -Wextra -Werror -I%s/include -pthread -o $side "
	      "$side.c hello_minirpc.c hello_xdr.c -L%s -lminirpc || exit 1; done", env("TEST_CC"),
	      test_root(), env("TEST_LIBDIR"));
	REQUIRE(exists("server") && exists("client"));

	SECTION("a server on a Unix socket");
	server = start("exec ./server path");
	WAIT_FOR(exists("path") && !exists("path.lock"));
	SHELL("test \"$(./client unix path)\" = 'Hello, world'");
	CHECK(shell("./server path 2>second") != 0);
	SHELL("grep -q 'Address already in use' second");
	stop(server);
	CHECK(!exists("path"));

	SECTION("no connection, and why");
	CHECK(shell("./client unix path 2>reason") != 0);
	SHELL("test \"$(cat reason)\" = 'path: No such file or directory'");
	CHECK(shell("./client tcp 127.0.0.1 1 2>reason") != 0);
	SHELL("test \"$(cat reason)\" = '127.0.0.1 port 1: Connection refused'");

	SECTION("a server that systemd starts");
	if (shell("systemd-socket-activate --version >/dev/null 2>&1") != 0) {
		tap_note("not tried: no systemd-socket-activate");
		return tap_done();
	}
	server = start("exec systemd-socket-activate -E LD_LIBRARY_PATH -l $PWD/activated "
		       "./server unused 2>log");
	WAIT_FOR(exists("activated"));
	SHELL("test \"$(./client unix activated)\" = 'Hello, world'");
	stop(server);
	CHECK(exists("activated"));
	return tap_done();
}
