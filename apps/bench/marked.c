// SPDX-License-Identifier: MIT
// Yields between marks that bench/marks.c, a plugin of QEMU, knows: it counts this core's
// instructions from one mark to the next, however many cores there are and whatever time they take.
#include "apps/bench/bench.h"
#include "apps/bench/measure.h"
#include "kernel/thread.h"

#define SERIES 4000
#define YIELDS 10 // so few that the loop's turn does not come in many of the series

#define MARK() __asm__ volatile("nopl 0x6b72616d(%%rax)" ::: "memory") // nothing else has it

// Not more than once, for the marks to be in order and next to what is counted.
static __attribute__((noinline)) void one_series(void)
{
    MARK();
    for (unsigned i = 0; i < YIELDS; i++)
        __asm__ volatile("" ::: "memory");
    MARK();
    for (unsigned i = 0; i < YIELDS; i++) {
        thread_yield();
        __asm__ volatile("" ::: "memory");
    }
    MARK();
}

void bench_marked(void)
{
    for (unsigned i = 0; i < SERIES; i++)
        one_series();
}
