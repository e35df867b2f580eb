/* PROTO: test.mx */
/* NEEDS: additions */
/* calls/pipelined, over a transport. */
#include "xor.h"

#include "../calls/pipelined.c"
