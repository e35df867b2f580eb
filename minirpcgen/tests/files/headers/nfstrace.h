/* Numbers of 64 bits by the names of a library that hides the systems' own. */
#ifndef SHORT_NFSTRACE_H
#define SHORT_NFSTRACE_H

typedef quad_t xint64_t;
typedef u_quad_t u_xint64_t;
#define xdr_xint64_t xdr_quad_t
#define xdr_u_xint64_t xdr_u_quad_t

#endif
