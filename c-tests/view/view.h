/* What the tests of stats and traces share. */
#ifndef VIEW_H
#define VIEW_H

#include "extra_rt.h"

#define UNUSED __attribute__((unused))

UNUSED static struct mrpc_set_stats set_stats(struct mrpc_conn_set *set)
{
	struct mrpc_set_stats stats;

	memset(&stats, 0xff, sizeof(stats));
	stats.size = sizeof(stats);
	CHECK_EQ(mrpc_get_stats(set, &stats), 0);
	return stats;
}

UNUSED static struct mrpc_conn_stats conn_stats(struct mrpc_connection *conn)
{
	struct mrpc_conn_stats stats;

	memset(&stats, 0xff, sizeof(stats));
	stats.size = sizeof(stats);
	CHECK_EQ(mrpc_conn_get_stats(conn, &stats), 0);
	return stats;
}

#endif
