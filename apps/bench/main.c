// SPDX-License-Identifier: MIT
// What operations of the kernel cost, one line "bench: NAME MEDIAN LEAST" each, in ticks of the
// time stamp counter. bench/kernel.py boots this where ticks are instructions. The argument names a
// part: "boot": only what the boot needed; "threads"; "remote": threads on another core;
// "exchange": only what a core does for the sake of others; "marked": for who counts from outside,
// and nothing is printed.
#include <stdio.h>
#include <string.h>

#include "apps/bench/bench.h"
#include "apps/bench/measure.h"
#include "kernel/stats.h"
#include "kernel/time.h"

#define STATUS_USAGE 2

static uint64_t ticks_from_ns(uint64_t ns)
{
    return (uint64_t)((unsigned __int128)ns * time_tsc_hz() / NS_PER_S);
}

static void report_boot(void)
{
    struct machine_stats machine;
    struct core_stats core;
    machine_stats_get(&machine);
    core_stats_get(0, &core);
    measure_report_value("boot-ticks", ticks_from_ns(machine.boot_since_firmware_ns));
    // No instruction runs in a halt, but the counter does.
    measure_report_value("boot-halted-ticks", ticks_from_ns(core.halted_ns));
}

static void report_turns(void)
{
    bench_turns();
    bench_exchange();
}

static void report_all(void)
{
    struct machine_stats stats;
    machine_stats_get(&stats);
    bench_threads();
    bench_memory_and_calls();
    bench_timers();
    if (stats.cores > 1)
        bench_remote();
    report_turns();
}

static void report_nothing(void)
{
}

static const struct {
    const char *name;
    void (*report)(void);
} parts[] = {
    {"all", report_all},      {"boot", report_nothing},   {"threads", bench_threads},
    {"remote", bench_remote}, {"exchange", report_turns}, {"marked", bench_marked},
};

int main(int argc, char **argv)
{
    // Before anything of this program takes memory.
    struct machine_stats stats;
    machine_stats_get(&stats);
    const char *wanted = argc == 2 ? argv[1] : "all";
    for (size_t i = 0; i < ARRAY_COUNT(parts) && argc <= 2; i++) {
        if (strcmp(wanted, parts[i].name) != 0)
            continue;
        report_boot();
        measure_report_value("memory-bytes", stats.memory_total_bytes - stats.memory_free_bytes);
        parts[i].report();
        return 0;
    }
    printf("bench: the argument is one of");
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++)
        printf(" %s", parts[i].name);
    printf("\n");
    return STATUS_USAGE;
}
