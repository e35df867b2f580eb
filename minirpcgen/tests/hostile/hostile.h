#ifndef HOSTILE_H
#define HOSTILE_H

#include "language_xdr.h"
#include "../support/check.h"
#include "../support/coding.h"
#include "../support/memory.h"

/* An object with a value in every kind of member. */
void fill(arrays *object);

void claims(void);
void truncated(void);
void no_memory(void);
void lists(void);
void trees(void);
void values(void);
void strings(void);
void unions(void);
void callers_memory(void);
void empties_only(void);

#endif
