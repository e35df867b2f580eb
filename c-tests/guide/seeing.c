/* MODES: plain (runs other programs) */
/* NEEDS: additions */
/* TIMEOUT: 60 */
/*
 * The code of docs/guide/seeing.md: it compiles, and the server says what its customer did.
 */
#include "../abi/build.h"

#include <signal.h>

int main(void)
{
	pid_t server;
	int status = -1;

	REQUIRE_EQ(chdir(test_scratch()), 0);
	REQUIRE_EQ(setenv("LD_LIBRARY_PATH", env("TEST_LIBDIR"), 1), 0);

	SECTION("it compiles without a warning");
	SHELL("%s/scripts/guide-code %s/docs/guide/seeing.md . && %s shop.mx", test_root(),
	      test_root(), env("TEST_MINIRPCGEN"));
	SHELL("%s -Wall -Wextra -Werror -I%s/include -pthread -o server server.c numbers.c walk.c "
	      "shop_minirpc.c shop_xdr.c -L%s -lminirpc", env("TEST_CC"), test_root(),
	      env("TEST_LIBDIR"));
	SHELL("%s -Wall -Wextra -Werror -I%s/include -pthread -o client client.c shop_minirpc.c "
	      "shop_xdr.c -L%s -lminirpc", env("TEST_CC"), test_root(), env("TEST_LIBDIR"));

	SECTION("the server tells of slow calls, and its numbers when it is asked");
	server = fork();
	REQUIRE(server >= 0);
	if (server == 0) {
		execl("/bin/sh", "sh", "-c", "exec ./server >said 2>&1", (char *)NULL);
		_exit(127);
	}
	WAIT_FOR(shell("grep -qs '^port ' said") == 0);
	SHELL("./client $(sed -n 's/^port //p' said) >heard");
	SHELL("printf 'buy 99: Success\\nbuy 100: Success\\n"
	      "buy 101: Application-specific error\\n' | diff - heard");
	WAIT_FOR(shell("grep -q '^command 2 was slow, status 0$' said") == 0);
	REQUIRE_EQ(kill(server, SIGUSR1), 0);
	WAIT_FOR(shell("grep -q '^4 requests, 4 answered, 0 wait, 0 are kept$' said") == 0);
	WAIT_FOR(shell("grep -q '^half of the handlers took less than [0-9.]* us$' said") == 0);
	REQUIRE_EQ(kill(server, SIGTERM), 0);
	REQUIRE_EQ(waitpid(server, &status, 0), server);
	CHECK_EQ(status, 0);
	return tap_done();
}
