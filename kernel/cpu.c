// SPDX-License-Identifier: MIT
// Spec: Intel SDM volume 1, 7.3.17 (RDRAND, RDSEED and how often to try).
#include "kernel/cpu.h"

#define RANDOM_TRIES 10

bool cpu_has_rdrand(void)
{
    uint32_t a, b, c, d;
    cpu_id(1, 0, &a, &b, &c, &d);
    return c >> 30 & 1;
}

bool cpu_has_rdseed(void)
{
    uint32_t a, b, c, d;
    cpu_id(0, 0, &a, &b, &c, &d);
    if (a < 7)
        return false;
    cpu_id(7, 0, &a, &b, &c, &d);
    return b >> 18 & 1;
}

bool cpu_rdrand64(uint64_t *out)
{
    for (int i = 0; i < RANDOM_TRIES; i++) {
        bool ready;
        __asm__ volatile("rdrand %0" : "=r"(*out), "=@ccc"(ready));
        if (ready)
            return true;
    }
    return false;
}

bool cpu_rdseed64(uint64_t *out)
{
    for (int i = 0; i < RANDOM_TRIES; i++) {
        bool ready;
        __asm__ volatile("rdseed %0" : "=r"(*out), "=@ccc"(ready));
        if (ready)
            return true;
        cpu_pause();
    }
    return false;
}
