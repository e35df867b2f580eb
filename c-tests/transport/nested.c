/* PROTO: test.mx */
/* NEEDS: additions */
/* calls/nested, over a transport. */
#include "xor.h"

#include "../calls/nested.c"
