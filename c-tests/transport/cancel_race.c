/* PROTO: test.mx */
/* NEEDS: additions */
/* TIMEOUT: 60 */
/* timeouts/cancel_race, over a transport. */
#include "xor.h"

#include "../timeouts/cancel_race.c"
