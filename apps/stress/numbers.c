// SPDX-License-Identifier: MIT
#include "apps/stress/stress.h"
#include "kernel/core.h"

uint64_t random_below(uint64_t limit)
{
    static PERCORE uint64_t state;
    if (state == 0)
        state = 88172645463325252ull + core_index() * 7919ull;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (state >> 11) % limit;
}
