/* PROTO: test.mx */
/* NEEDS: additions tls openssl */
/* LIBS: -lminirpc-tls */
/* calls/one_way, over TLS with a certificate on each side. */
#include "tls.h"

#include "../calls/one_way.c"
