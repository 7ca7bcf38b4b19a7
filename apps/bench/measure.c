// SPDX-License-Identifier: MIT
#include "apps/bench/measure.h"

#include <stdio.h>
#include <stdlib.h>

#include "kernel/thread.h"

#define SAMPLES 9

MEASURE_LOOP(empty, )
MEASURE_LOOP(yields, thread_yield())

uint64_t measure_empty(unsigned count)
{
    return empty(count);
}

uint64_t measure_yields(unsigned count)
{
    return yields(count);
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static void print_samples(const char *name, double samples[SAMPLES])
{
    qsort(samples, SAMPLES, sizeof(*samples), compare);
    // The host's script reads these lines.
    printf("bench: %s %.1f %.1f\n", name, samples[SAMPLES / 2], samples[0]);
    fflush(stdout);
}

void measure_report(const char *name, double (*sample)(void))
{
    double samples[SAMPLES];
    sample(); // what is made at the first use is there afterwards
    for (int i = 0; i < SAMPLES; i++)
        samples[i] = sample();
    print_samples(name, samples);
}

void measure_report_loop(const char *name, uint64_t (*loop)(unsigned count),
                         uint64_t (*without)(unsigned count))
{
    double samples[SAMPLES];
    loop(MEASURE_COUNT);
    without(MEASURE_COUNT);
    for (int i = 0; i < SAMPLES; i++) {
        int64_t ticks = (int64_t)loop(MEASURE_COUNT);
        ticks -= (int64_t)without(MEASURE_COUNT);
        samples[i] = (double)ticks / MEASURE_COUNT;
    }
    print_samples(name, samples);
}

void measure_report_value(const char *name, uint64_t value)
{
    printf("bench: %s %llu %llu\n", name, (unsigned long long)value, (unsigned long long)value);
    fflush(stdout);
}
