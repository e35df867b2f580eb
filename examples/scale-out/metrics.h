/* A set's numbers in Prometheus' text format, over HTTP. */
#ifndef METRICS_H
#define METRICS_H

struct mrpc_conn_set;

/* Answers all that ask on this listening socket, in a thread of its own. Returns 0 or an errno. */
int metrics_start(struct mrpc_conn_set *set, int listener);

#endif
