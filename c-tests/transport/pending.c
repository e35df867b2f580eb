/* PROTO: test.mx */
/* NEEDS: additions */
/* calls/pending, over a transport. */
#include "xor.h"

#include "../calls/pending.c"
