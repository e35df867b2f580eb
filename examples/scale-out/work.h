/* The work, which the client can check. */
#ifndef WORK_H
#define WORK_H

#include <stdint.h>

static inline uint64_t work_value(uint64_t seed)
{
    int i;

    for (i = 0; i < 100; i++) {
        seed += 0x9e3779b97f4a7c15u;
        seed = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9u;
        seed = (seed ^ (seed >> 27)) * 0x94d049bb133111ebu;
        seed ^= seed >> 31;
    }
    return seed;
}

#endif
