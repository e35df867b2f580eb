/* PROTO: test.mx */
/* NEEDS: additions */
/* calls/async, over a transport. */
#include "xor.h"

#include "../calls/async.c"
