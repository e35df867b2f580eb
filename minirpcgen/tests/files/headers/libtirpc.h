/* Of <rpc/rpc.h>, what a file may use that declares the rest of it anew. */
#ifndef SHORT_LIBTIRPC_H
#define SHORT_LIBTIRPC_H

typedef u_int rpcprog_t;
typedef u_int rpcvers_t;
typedef u_int rpcproc_t;
struct netbuf;
#ifndef xdr_rpcprog_t
#define xdr_rpcprog_t xdr_u_int
#define xdr_rpcvers_t xdr_u_int
#define xdr_rpcproc_t xdr_u_int
#endif

#endif
