/* Input that is meant to do harm, to the procedures of language.mx. */
#include <sys/resource.h>
#include "hostile.h"

unsigned long passed, failed;

int
main(void)
{
#ifndef __SANITIZE_ADDRESS__
	struct rlimit limit = { 256 << 20, 256 << 20 };

	if (setrlimit(RLIMIT_AS, &limit) != 0)
		return 2;
#endif
	setvbuf(stdout, NULL, _IOLBF, 0);
	claims();
	truncated();
	no_memory();
	lists();
	trees();
	values();
	strings();
	unions();
	callers_memory();
	empties_only();
	printf("%lu passed, %lu failed\n", passed, failed);
	return failed != 0;
}
