/* What its other headers declare. */
#ifndef SHORT_NFS_GANESHA_H
#define SHORT_NFS_GANESHA_H

#define FHSIZE3 64

typedef u_int device_error4;
#define xdr_device_error4 xdr_u_int

/* The same by another library's name. */
#define authsys_parms authunix_parms
#define xdr_authsys_parms xdr_authunix_parms

#endif
