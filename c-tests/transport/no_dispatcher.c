/* PROTO: test.mx */
/* NEEDS: additions */
/* calls/no_dispatcher, over a transport. */
#include "xor.h"

#include "../calls/no_dispatcher.c"
