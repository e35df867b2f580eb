/* PROTO: test.mx */
/* NEEDS: additions */
/* calls/big, over a transport. */
#include "xor.h"

#include "../calls/big.c"
