/* LINK: none */
/* MODES: plain (runs another program) */
/*
 * Binary compatibility: a program that was compiled and linked without sight of
 * this library, against another one of the same name and with declarations of
 * its own, runs on it.
 */
#include "build.h"

int main(void)
{
	char old[1000], line[200];
	FILE *exports, *stub;

	snprintf(old, sizeof(old), "%s/old", test_scratch());
	SHELL("mkdir -p %s", old);

	SECTION("a library with the same name and functions, and no code");
	snprintf(line, sizeof(line), "%.150s/scripts/exports.txt", test_root());
	exports = fopen(line, "re");
	REQUIRE(exports != NULL);
	snprintf(line, sizeof(line), "%.180s/stub.c", old);
	stub = fopen(line, "we");
	REQUIRE(stub != NULL);
	fprintf(stub, "#include <stdlib.h>\n");
	while (fgets(line, sizeof(line), exports) != NULL)
		fprintf(stub, "void %.*s(void);\nvoid %.*s(void) { abort(); }\n",
			(int)strcspn(line, "\n"), line, (int)strcspn(line, "\n"), line);
	fclose(exports);
	fclose(stub);
	SHELL("cd %s && %s -shared -fPIC -Wl,-soname,libminirpc.so.1 stub.c -o libminirpc.so.1 "
	      "&& ln -s libminirpc.so.1 libminirpc.so", old, env("TEST_CC"));

	SECTION("a program linked to that one, in the C of its time");
	SHELL("cd %s && %s -std=gnu99 -O1 -Wall -Wextra -Werror -pthread "
	      "%s/c-tests/abi/programs/old.c -L. -lminirpc -o program",
	      old, env("TEST_CC"), test_root());

	SECTION("on the library that has no code it aborts");
	CHECK(shell("cd %s && ulimit -c 0 && LD_LIBRARY_PATH=. ./program >/dev/null 2>&1", old) != 0);

	SECTION("on this one it runs, every symbol found at its start");
	SHELL("cd %s && LD_BIND_NOW=1 LD_LIBRARY_PATH=%s timeout 20 ./program", old,
	      env("TEST_LIBDIR"));
	return tap_done();
}
