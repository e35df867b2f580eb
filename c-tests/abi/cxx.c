/* LINK: none */
/* NEEDS: c++ */
/* MODES: plain (runs another program) */
/*
 * A program in C++, compiled without a warning against the headers and the
 * generated ones, linked with the generated C.
 */
#include "build.h"

int main(void)
{
	static const char *const standards[] = { "c++11", "c++17" };
	char dir[1000];
	size_t i;

	snprintf(dir, sizeof(dir), "%s/cxx", test_scratch());
	SECTION("the stubs");
	SHELL("mkdir -p %s && cd %s && %s -o test %s/c-tests/proto/test.mx && "
	      "%s -c -I%s/include test_minirpc.c test_xdr.c", dir, dir, env("TEST_MINIRPCGEN"),
	      test_root(), env("TEST_CC"), test_root());
	for (i = 0; i < sizeof(standards) / sizeof(standards[0]); i++) {
		SECTION("the program, %s", standards[i]);
		SHELL("cd %s && %s -std=%s -Wall -Wextra -Wpedantic -Werror -pthread -I. "
		      "-I%s/include %s/c-tests/abi/programs/cxx.cc test_minirpc.o test_xdr.o "
		      "-L%s -lminirpc -o program", dir, env("TEST_CXX"), standards[i],
		      test_root(), test_root(), env("TEST_LIBDIR"));
		SHELL("cd %s && LD_LIBRARY_PATH=%s timeout 20 ./program", dir,
		      env("TEST_LIBDIR"));
	}
	return tap_done();
}
