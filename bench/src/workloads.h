/* The workloads, each a function of the connection's port. */
#ifndef BENCH_WORKLOADS_H
#define BENCH_WORKLOADS_H

#include <stdint.h>

void checked_call(void *conn, int32_t x);
int fitting(int n);

void run_latency(int port, const char *wl);   /* w1, pause */
void run_pipeline(int port, const char *wl);  /* w2 */
void run_callers(int port, const char *wl);   /* w3, w3s */
void run_bulk(int port, const char *wl);      /* w4 */
void run_places(int port, const char *wl);    /* w4at */
void run_idle(int port, const char *wl);      /* w5 */
void run_messages(int port, const char *wl);  /* w6 */
void run_records(int port, const char *wl);   /* w7 */
void run_numbers(int port, const char *wl);   /* w8 */
void run_fairness(int port, const char *wl);  /* fair */
void run_early(int port, const char *wl);     /* early */
void run_late(int port, const char *wl);      /* late */

#endif
