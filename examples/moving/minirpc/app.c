#include <rpc/rpc.h>
#include "protocol_server.h"

static int mrpc_is_valid_state(state now)
{
	return now == IDLE || now == BUSY;
}

int serve(struct mrpc_conn_set *set)
{
	char *port = "4000";

	return mrpc_listen(set, AF_UNSPEC, NULL, &port);
}
