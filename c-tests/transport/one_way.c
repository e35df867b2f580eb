/* PROTO: test.mx */
/* NEEDS: additions */
/* calls/one_way, over a transport. */
#include "xor.h"

#include "../calls/one_way.c"
