/* Checks that are counted; each program defines them once, in its main file. */
#ifndef TEST_CHECK_H
#define TEST_CHECK_H

#include <stdio.h>

extern unsigned long passed, failed;

#define CHECK(condition) do { \
		if (condition) { \
			passed++; \
		} else if (++failed <= 20) { \
			printf("not ok %s:%d: %s: %s\n", __FILE__, __LINE__, \
				__func__, #condition); \
		} \
	} while (0)

#endif
