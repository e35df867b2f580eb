/* PROTO: test.mx */
/* NEEDS: additions */
/* calls/reverse, over a transport. */
#include "xor.h"

#include "../calls/reverse.c"
