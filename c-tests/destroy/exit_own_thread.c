/* PROTO: test.mx */
/* pthread_exit in a handler, in a thread that the application has registered. */
#include "thread_exit.h"

int main(void)
{
	return run_all(LOOP, BY_CALLS);
}
