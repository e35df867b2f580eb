/* Its own names of the number types. */
#ifndef SHORT_OPEN_VM_TOOLS_H
#define SHORT_OPEN_VM_TOOLS_H

typedef bool_t Bool;
typedef u_int uint32;
typedef u_quad_t uint64;
#define xdr_Bool xdr_bool
#define xdr_uint32 xdr_u_int
#define xdr_uint64 xdr_u_quad_t

#endif
