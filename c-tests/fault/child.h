/*
 * Forked children: what they check is told by their exit status, and they are
 * ended if they hang.
 */
#ifndef CHILD_H
#define CHILD_H

#include "fault.h"

static int child_failures;

/* Only what is safe in the child of a process with threads. */
#define CHILD_CHECK(cond) do { \
	if (!(cond)) { \
		child_failures++; \
		dprintf(1, "# in the child: %s:%d: failed: %s\n", __FILE__, __LINE__, #cond); \
	} \
} while (0)

/* A call on what is the parent's fails, and at once. */
#define CHILD_REFUSED(call) do { \
	mrpc_status_t child_status_ = (call); \
	CHILD_CHECK(child_status_ == MINIRPC_NETWORK_FAILURE || \
		    child_status_ == MINIRPC_INVALID_ARGUMENT); \
} while (0)

/* In the parent the child's id; in the child 0, with its own alarm. */
UNUSED static pid_t child_fork(void)
{
	pid_t child = fork();

	REQUIRE(child >= 0);
	if (child == 0) {
		signal(SIGALRM, SIG_DFL);
		alarm((unsigned)scaled(10000) / 1000);
	}
	return child;
}

UNUSED static void child_exit(void)
{
	_exit(child_failures > 0);
}

#define CHILD_WAIT(child) child_wait((child), __FILE__, __LINE__)
UNUSED static void child_wait(pid_t child, const char *file, int line)
{
	int status = -1;

	REQUIRE_EQ(waitpid(child, &status, 0), child);
	tap_check_msg(status == 0, file, line, "the child %s %d",
		      WIFSIGNALED(status) ? "died of signal" : "exited with",
		      WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

#endif
