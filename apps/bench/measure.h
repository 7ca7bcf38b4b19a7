// SPDX-License-Identifier: MIT
// How an operation is measured: a loop of it against a loop of nothing, by the time stamp counter.
// Under QEMU's -icount shift=0 that counts the instructions of all cores, exactly.
#pragma once

#include "kernel/cpu.h"

#define MEASURE_COUNT 10000 // times an operation is done in one sample

// A function that does something `count` times. Returns: the ticks that took, the loop's included.
#define MEASURE_LOOP(name, ...)                                                                    \
    static uint64_t name(unsigned count)                                                           \
    {                                                                                              \
        uint64_t before = cpu_read_tsc();                                                          \
        for (unsigned i = 0; i < count; i++) {                                                     \
            __VA_ARGS__;                                                                           \
            __asm__ volatile("" ::: "memory");                                                     \
        }                                                                                          \
        return cpu_read_tsc() - before;                                                            \
    }

// The loops that others are compared with: of nothing, and of thread_yield().
uint64_t measure_empty(unsigned count);
uint64_t measure_yields(unsigned count);

// Prints median and least of several samples, each the ticks of one operation.
// Blocks: as long as the samples take.
void measure_report(const char *name, double (*sample)(void));
// The same for a pair of loops: what `loop` needs more than `without`, a turn.
void measure_report_loop(const char *name, uint64_t (*loop)(unsigned count),
                         uint64_t (*without)(unsigned count));
// Prints a figure that is known at once.
void measure_report_value(const char *name, uint64_t value);
