/* MODES: plain (runs other programs) */
/* NEEDS: additions */
/* TIMEOUT: 60 */
/*
 * The code of docs/guide/calls-in-time.md: it compiles, the call is answered, times out, or is
 * cancelled, and the handler stops when its caller has gone.
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

static bool holds(const char *file, const char *text)
{
	char command[200];

	snprintf(command, sizeof(command), "test \"$(cat %s)\" = '%s'", file, text);
	return shell(command) == 0;
}

int main(void)
{
	pid_t server, client;
	char command[100];
	int status;

	REQUIRE_EQ(chdir(test_scratch()), 0);
	REQUIRE_EQ(setenv("LD_LIBRARY_PATH", env("TEST_LIBDIR"), 1), 0);

	SECTION("it compiles without a warning");
	SHELL("%s/scripts/guide-code %s/docs/guide/calls-in-time.md . && %s sums.mx", test_root(),
	      test_root(), env("TEST_MINIRPCGEN"));
	SHELL("for side in server client; do %s -Wall -Wextra -Werror -I%s/include -pthread -o $side "
	      "$side.c sums_minirpc.c sums_xdr.c -L%s -lminirpc || exit 1; done", env("TEST_CC"),
	      test_root(), env("TEST_LIBDIR"));
	server = start("exec ./server path >said");
	WAIT_FOR(access("path", F_OK) == 0 && access("path.lock", F_OK) != 0);

	SECTION("a call that is answered");
	SHELL("test \"$(./client path 10)\" = 55");

	SECTION("one that times out; its handler stops, as the caller has gone");
	CHECK(shell("./client path 100000000 2>reason") != 0);
	CHECK(holds("reason", "Call timed out"));
	WAIT_FOR(holds("said", "the caller has gone"));

	SECTION("one that is cancelled");
	client = start("exec ./client path 100000000 2>reason");
	/* Signals are blocked by the time that it has threads. */
	snprintf(command, sizeof(command), "test $(ls /proc/%d/task | wc -l) -ge 2", (int)client);
	WAIT_FOR(shell(command) == 0);
	REQUIRE_EQ(kill(client, SIGINT), 0);
	REQUIRE_EQ(waitpid(client, &status, 0), client);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	CHECK(holds("reason", "Call cancelled"));

	REQUIRE_EQ(kill(server, SIGTERM), 0);
	REQUIRE_EQ(waitpid(server, &status, 0), server);
	CHECK_EQ(status, 0);
	return tap_done();
}
