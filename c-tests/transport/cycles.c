/* PROTO: test.mx */
/* MODES: plain (measures memory) */
/* NEEDS: additions */
/* destroy/cycles, over a transport. */
#include "xor.h"

#include "../destroy/cycles.c"
