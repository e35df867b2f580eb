/* PROTO: test.mx */
/* NEEDS: additions */
/* calls/pending_race, over a transport. */
#include "xor.h"

#include "../calls/pending_race.c"
