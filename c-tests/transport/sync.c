/* PROTO: test.mx */
/* NEEDS: additions */
/* calls/sync, over a transport. */
#include "xor.h"

#include "../calls/sync.c"
