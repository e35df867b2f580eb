/* PROTO: test.mx */
/* NEEDS: additions */
/* TIMEOUT: 60 */
/* limits/mutual, over a transport. */
#include "xor.h"

#include "../limits/mutual.c"
