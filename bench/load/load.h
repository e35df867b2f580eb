/* What the programs here share: time, chance, the process's measures, answers. */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UNUSED __attribute__((unused))

/* Who says hello. */
enum who { WHO_STEADY = 1, WHO_PASSING = 2, WHO_IDLE = 3 };

/* ---- time and chance ---- */

/* Monotonic. */
int64_t now_us(void);
void pause_us(int64_t us);
/* xorshift; the state is not 0. */
uint64_t chance(uint64_t *state);

/* ---- measures of a process; pid 0 is this one ---- */

struct measures {
	long rss_kib, descriptors, threads;
	int64_t cpu_us;         /* user and system time so far */
};
void measure(int pid, struct measures *m);
/* What malloc has given out and not got back. */
size_t heap_bytes(void);

/* ---- calls that can be checked ---- */

/* The number of the answer to a call of a procedure. */
uint64_t answer(int procedure, uint64_t nr);
/* The bytes that go with a number. */
void pattern(uint64_t nr, char *data, size_t len);
bool pattern_is(uint64_t nr, const char *data, size_t len);

/* ---- verdicts ---- */

/* A failure: printed, if there were not many, and counted. */
void fault(const char *format, ...) __attribute__((format(printf, 1, 2)));
long faults(void);
/* Ends the program, if a function does not return 0. */
#define MUST(call) must((call), #call, __FILE__, __LINE__)
void must(long code, const char *call, const char *file, int line);
/* One line: "ok" or "not ok", and what; counts both. The last line, and the exit status. */
bool verdict(bool ok, const char *format, ...) __attribute__((format(printf, 2, 3)));
int verdicts(void);

#endif
