/* PROTO: test.mx */
/* pthread_exit in a handler, in a thread of mrpc_start_dispatch_thread. */
#include "thread_exit.h"

int main(void)
{
	return run_all(DISPATCH_THREAD, DISPATCH_THREAD);
}
