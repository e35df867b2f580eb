/* PROTO: test.mx */
/* MODES: plain (measures memory) */
/* NEEDS: additions tls openssl */
/* LIBS: -lminirpc-tls */
/* destroy/cycles, over TLS with a certificate on each side. */
#include "tls.h"

#include "../destroy/cycles.c"
