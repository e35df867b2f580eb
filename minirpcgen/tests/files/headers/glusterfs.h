/* Sizes and cases of the protocols, and a type whose procedure is elsewhere. */
#ifndef SHORT_GLUSTERFS_H
#define SHORT_GLUSTERFS_H

#define UNIX_PATH_MAX 108
#define MNTPATHLEN 1024

enum {
	GF_DATA_TYPE_UNKNOWN,
	GF_DATA_TYPE_STR_OLD,
	GF_DATA_TYPE_INT,
	GF_DATA_TYPE_UINT,
	GF_DATA_TYPE_DOUBLE,
	GF_DATA_TYPE_STR,
	GF_DATA_TYPE_PTR,
	GF_DATA_TYPE_GFUUID,
	GF_DATA_TYPE_IATT,
	GF_DATA_TYPE_MDATA
};

typedef u_int fattr3;
#define xdr_fattr3 xdr_u_int

#endif
