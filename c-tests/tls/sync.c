/* PROTO: test.mx */
/* NEEDS: additions tls openssl */
/* LIBS: -lminirpc-tls */
/* calls/sync, over TLS with a certificate on each side. */
#include "tls.h"

#include "../calls/sync.c"
