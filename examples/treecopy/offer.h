/* The offered directory: what the server's calls do, without the calls.

   Results are filled with malloc memory, as the library frees them; a function
   that fails may leave a partial result, which is freed as well. */

#ifndef TREECOPY_OFFER_H
#define TREECOPY_OFFER_H

#include "treecopy_minirpc.h"

mrpc_status_t offer_list(int root, const tc_list_in *in, tc_list_out *out);
mrpc_status_t offer_attr(int root, const char *path, tc_attr *out);
mrpc_status_t offer_target(int root, const char *path, tc_path *out);
mrpc_status_t offer_chunk(int root, const tc_read_in *in, tc_read_out *out);
mrpc_status_t offer_digest(int root, const char *path, tc_digest *out);

#endif
