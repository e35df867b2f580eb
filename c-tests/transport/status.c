/* PROTO: test.mx */
/* NEEDS: additions */
/* calls/status, over a transport. */
#include "xor.h"

#include "../calls/status.c"
