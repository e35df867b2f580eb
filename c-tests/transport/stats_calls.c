/* PROTO: test.mx */
/* NEEDS: additions */
/* view/stats_calls, over a transport. */
#include "xor.h"

#include "../view/stats_calls.c"
