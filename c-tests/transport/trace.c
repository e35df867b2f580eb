/* PROTO: test.mx */
/* NEEDS: additions */
/* view/trace, over a transport. */
#include "xor.h"

#include "../view/trace.c"
