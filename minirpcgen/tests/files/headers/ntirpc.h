/* Its <rpc/types.h> has C's bool, too. */
#include <stdbool.h>
#include "libtirpc.h"
