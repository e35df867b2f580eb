/* PROTO: test.mx */
/* NEEDS: additions tls openssl */
/* LIBS: -lminirpc-tls */
/* destroy/under_fire, over TLS with a certificate on each side. */
#include "tls.h"

#include "../destroy/under_fire.c"
