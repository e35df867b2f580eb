/* PROTO: test.mx */
/* MODES: plain (what a cancelled thread held may be lost) */
/* TIMEOUT: 60 */
/* NEEDS: additions tls openssl */
/* LIBS: -lminirpc-tls */
/* fault/cancel_caller, over TLS with a certificate on each side. */
#include "tls.h"

#include "../fault/cancel_caller.c"
