/* PROTO: test.mx */
/* NEEDS: additions */
/* destroy/under_fire, over a transport. */
#include "xor.h"

#include "../destroy/under_fire.c"
