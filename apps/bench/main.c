// SPDX-License-Identifier: MIT
// What operations of the kernel cost, one line "bench: NAME MEDIAN LEAST" each, in ticks of the
// time stamp counter. bench/kernel.py boots this where ticks are instructions. Argument
// "boot": only what the boot needed; "exchange": only what a core does for the sake of others;
// "threads": the boot and threads.
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

int main(int argc, char **argv)
{
    // Before anything of this program takes memory.
    struct machine_stats stats;
    machine_stats_get(&stats);
    const char *part = argc == 2 ? argv[1] : "all";
    bool boot_only = strcmp(part, "boot") == 0, exchange_only = strcmp(part, "exchange") == 0;
    bool threads_only = strcmp(part, "threads") == 0;
    if (argc > 1 && !boot_only && !exchange_only && !threads_only) {
        printf("bench: there is no argument but \"boot\", \"exchange\" and \"threads\"\n");
        return STATUS_USAGE;
    }
    report_boot();
    if (boot_only)
        return 0;
    if (exchange_only) {
        bench_turns();
        bench_exchange();
        return 0;
    }
    measure_report_value("memory-bytes", stats.memory_total_bytes - stats.memory_free_bytes);
    bench_threads();
    if (threads_only)
        return 0;
    bench_memory_and_calls();
    bench_timers();
    if (stats.cores > 1)
        bench_remote();
    bench_turns();
    bench_exchange();
    return 0;
}
