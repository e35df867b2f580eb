/* PROTO: test.mx */
/* NEEDS: additions */
/* calls/send_order, over a transport. */
#include "xor.h"

#include "../calls/send_order.c"
