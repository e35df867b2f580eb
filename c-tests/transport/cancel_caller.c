/* PROTO: test.mx */
/* MODES: plain (what a cancelled thread held may be lost) */
/* TIMEOUT: 60 */
/* NEEDS: additions */
/* fault/cancel_caller, over a transport. */
#include "xor.h"

#include "../fault/cancel_caller.c"
