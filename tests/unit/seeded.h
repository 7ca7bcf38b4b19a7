// SPDX-License-Identifier: MIT
// Random numbers that are the same in each run: xorshift64, one sequence a thread. A test sets the
// seed, which must not be 0.
#pragma once

#include <stdint.h>

static _Thread_local uint64_t random_state;

static inline uint64_t random_below(uint64_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % limit;
}
