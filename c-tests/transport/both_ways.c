/* PROTO: test.mx */
/* NEEDS: additions */
/* calls/both_ways, over a transport. */
#include "xor.h"

#include "../calls/both_ways.c"
