// SPDX-License-Identifier: MIT
// What a C program asks its library for: memory, system calls, the clock.
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "apps/bench/bench.h"
#include "apps/bench/measure.h"

static void allocate_and_free(size_t size_bytes)
{
    void *block = malloc(size_bytes);
    __asm__ volatile("" : "+r"(block)); // the pair is not to be optimised away
    free(block);
}

MEASURE_LOOP(allocate_64, allocate_and_free(64))
MEASURE_LOOP(allocate_4096, allocate_and_free(4096))
MEASURE_LOOP(allocate_100000, allocate_and_free(100000))
MEASURE_LOOP(ask_parent, getppid())
MEASURE_LOOP(ask_time, struct timespec time; clock_gettime(CLOCK_MONOTONIC, &time))

void bench_memory_and_calls(void)
{
    measure_report_loop("malloc-free-64", allocate_64, measure_empty);
    measure_report_loop("malloc-free-4096", allocate_4096, measure_empty);
    measure_report_loop("malloc-free-100000", allocate_100000, measure_empty);
    measure_report_loop("getppid", ask_parent, measure_empty);
    measure_report_loop("clock-gettime", ask_time, measure_empty);
}
