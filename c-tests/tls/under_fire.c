/* PROTO: test.mx */
/* NEEDS: additions tls openssl */
/* MODES: plain asan (memcheck takes what the ciphers have written for uninitialised) */
/* LIBS: -lminirpc-tls */
/* destroy/under_fire, over TLS with a certificate on each side. */
#include "tls.h"

#include "../destroy/under_fire.c"
