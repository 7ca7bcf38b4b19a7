// SPDX-License-Identifier: MIT
#include "kernel/stats.h"

#include "kernel/core.h"
#include "kernel/interrupts.h"
#include "kernel/pages.h"
#include "kernel/scheduler.h"
#include "kernel/time.h"
#include "kernel/version.h"

static uint64_t boot_ns, boot_since_firmware_ns;

void stats_boot_done(uint64_t entry_tsc, uint64_t left_tsc)
{
    uint64_t now = time_now_ns();
    boot_ns = now - time_from_tsc(entry_tsc);
    boot_since_firmware_ns = now - time_from_tsc(left_tsc);
}

void machine_stats_get(struct machine_stats *out)
{
    *out = (struct machine_stats){.version = TORIL_VERSION,
                                  .uptime_ns = time_now_ns(),
                                  .boot_ns = boot_ns,
                                  .boot_since_firmware_ns = boot_since_firmware_ns};
    for (unsigned core = 0; core < core_count(); core++) {
        if (!core_is_online(core))
            continue;
        struct page_stats pages = page_stats_of(core);
        out->cores++;
        out->memory_total_bytes += pages.total_bytes;
        out->memory_free_bytes += pages.free_bytes;
    }
}

void core_stats_get(unsigned core, struct core_stats *out)
{
    struct scheduler_stats scheduler = scheduler_stats_of(core);
    struct interrupt_stats interrupts = interrupt_stats_of(core);
    *out = (struct core_stats){.threads = scheduler.threads,
                               .switches = scheduler.switches,
                               .halts = scheduler.halts,
                               .halted_ns = scheduler.halted_ns,
                               .interrupts = interrupts.handled + interrupts.unexpected};
}
