/* PROTO: test.mx */
/* NEEDS: additions */
/* calls/many_blobs, over a transport. */
#include "xor.h"

#include "../calls/many_blobs.c"
