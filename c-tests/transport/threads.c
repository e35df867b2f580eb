/* PROTO: test.mx */
/* NEEDS: additions */
/* calls/threads, over a transport. */
#include "xor.h"

#include "../calls/threads.c"
