#ifndef SHORT_NFS_GANESHA_H
#define SHORT_NFS_GANESHA_H

#define FHSIZE3 64

#endif
