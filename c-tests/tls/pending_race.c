/* PROTO: test.mx */
/* NEEDS: additions tls openssl */
/* MODES: plain asan (memcheck takes what the ciphers have written for uninitialised) */
/* LIBS: -lminirpc-tls */
/* calls/pending_race, over TLS with a certificate on each side. */
#include "tls.h"

#include "../calls/pending_race.c"
