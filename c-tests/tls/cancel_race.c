/* PROTO: test.mx */
/* TIMEOUT: 60 */
/* NEEDS: additions tls openssl */
/* MODES: plain asan (memcheck takes what the ciphers have written for uninitialised) */
/* LIBS: -lminirpc-tls */
/* timeouts/cancel_race, over TLS with a certificate on each side. */
#include "tls.h"

#include "../timeouts/cancel_race.c"
