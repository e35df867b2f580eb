/* Descriptors that a program which is executed would get. */
#ifndef CLOEXEC_H
#define CLOEXEC_H

#include "fault.h"

static char known[1024];        /* descriptors of the test's own */

static void note_known(void)
{
	int fd;

	for (fd = 0; fd < (int)sizeof(known); fd++)
		known[fd] = fcntl(fd, F_GETFD) >= 0;
}

/* How many others lack the flag; safe in a forked child. */
static int without_flag(int *which)
{
	int fd, n = 0;

	for (fd = 0; fd < (int)sizeof(known); fd++) {
		int flags = known[fd] ? -1 : fcntl(fd, F_GETFD);

		if (flags >= 0 && !(flags & FD_CLOEXEC)) {
			*which = fd;
			n++;
		}
	}
	return n;
}

#endif
