/*
 * Checks, sections and deadlines.
 *
 *     int main(void)
 *     {
 *         SECTION("a set starts with one reference");
 *         REQUIRE_EQ(mrpc_conn_set_create(&set, test_client, NULL), 0);
 *         CHECK(set != NULL);
 *         return tap_done();
 *     }
 *
 * Each SECTION becomes one TAP line, "not ok" if a check since its start has
 * failed; a failed check says file and line. CHECK goes on, REQUIRE ends the
 * test. All of it may be used from any thread. Before main() starts, an alarm
 * is set that ends the test with a message when its time is over.
 *
 * Nothing here sleeps to let things happen: WAIT_FOR waits for a condition
 * until a deadline, STAYS proves that nothing happens for a while.
 */
#ifndef HARNESS_TAP_H
#define HARNESS_TAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECTION(...) tap_section(__VA_ARGS__)

#define CHECK(cond) tap_check(!!(cond), __FILE__, __LINE__, #cond)
#define CHECK_EQ(got, want) \
	tap_check_eq((long long)(got), (long long)(want), __FILE__, __LINE__, #got)
#define CHECK_STR(got, want) tap_check_str((got), (want), __FILE__, __LINE__, #got)
#define CHECK_PTR(got, want) \
	tap_check((const void *)(got) == (const void *)(want), __FILE__, __LINE__, \
		  #got " == " #want)
#define CHECK_MEM(got, want, len) \
	tap_check_mem((got), (want), (len), __FILE__, __LINE__, #got)
/* A condition with a text of your own, as printf. */
#define CHECK_MSG(cond, ...) tap_check_msg(!!(cond), __FILE__, __LINE__, __VA_ARGS__)

#define REQUIRE(cond) \
	do { if (!CHECK(cond)) tap_abort(); } while (0)
#define REQUIRE_EQ(got, want) \
	do { if (!CHECK_EQ(got, want)) tap_abort(); } while (0)

/* Waits until cond holds, looking every millisecond; a failed check after
 * ten seconds (times the scale of the mode). True if it held. */
#define WAIT_FOR(cond) WAIT_FOR_MS(cond, 10000)
#define WAIT_FOR_MS(cond, ms) ({ \
	int64_t tap_end_ = now_ms() + scaled(ms); \
	bool tap_ok_; \
	while (!(tap_ok_ = !!(cond)) && now_ms() < tap_end_) \
		tap_pause(); \
	tap_check(tap_ok_, __FILE__, __LINE__, "in time: " #cond); \
})
/* Checks that cond holds now and for the next ms milliseconds. */
#define STAYS(cond, ms) ({ \
	int64_t tap_end_ = now_ms() + (ms); \
	bool tap_ok_; \
	while ((tap_ok_ = !!(cond)) && now_ms() < tap_end_) \
		tap_pause(); \
	tap_check(tap_ok_, __FILE__, __LINE__, "stays: " #cond); \
})

void tap_section(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A line for the log. */
void tap_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Ends the test at once: skipped, with the reason; or failed. */
void tap_skip(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
void tap_abort(void) __attribute__((noreturn));
/* Prints the plan; the value for main() to return. */
int tap_done(void);

bool tap_check(bool ok, const char *file, int line, const char *text);
bool tap_check_eq(long long got, long long want, const char *file, int line,
		  const char *text);
bool tap_check_str(const char *got, const char *want, const char *file, int line,
		   const char *text);
bool tap_check_mem(const void *got, const void *want, size_t len, const char *file,
		   int line, const char *text);
bool tap_check_msg(bool ok, const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Monotonic milliseconds. */
int64_t now_ms(void);
/* ms times TEST_SCALE, which the runner sets: valgrind is slow. */
int64_t scaled(int64_t ms);
/* One millisecond, between two looks at a condition. */
void tap_pause(void);
/* "plain", "valgrind" or "asan". */
const char *test_mode(void);
/* A directory of this test's own, empty at its start. */
const char *test_scratch(void);
/* The top of the source tree. */
const char *test_root(void);

#endif
