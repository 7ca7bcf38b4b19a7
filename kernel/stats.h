// SPDX-License-Identifier: MIT
// What the machine can say about itself, for status pages and metrics: numbers copied at one
// moment. Counters only grow; those of other cores may be a turn of their loop old.
// Context: any thread of any core. Blocks: never.
#pragma once

#include "kernel/compiler.h"

struct machine_stats {
    const char *version;             // of this build, one line, lasts for good
    unsigned cores;                  // that run, this one included
    uint64_t uptime_ns;              // since efi_main
    uint64_t memory_total_bytes;     // handed to the page pools of all cores
    uint64_t memory_free_bytes;      // free in them now
    uint64_t boot_ns;                // efi_main until the app's main was called
    uint64_t boot_since_firmware_ns; // leaving the firmware until the app's main was called
};

struct core_stats {
    uint64_t threads;   // that exist now
    uint64_t switches;  // from thread to thread
    uint64_t halts;     // times the core had nothing to do
    uint64_t halted_ns; // time spent so
    uint64_t interrupts;
};

void machine_stats_get(struct machine_stats *out);
// `core` is online.
void core_stats_get(unsigned core, struct core_stats *out);

// The app's main is about to be called: what boot_ns and boot_since_firmware_ns count up to.
void stats_boot_done(uint64_t entry_tsc, uint64_t left_tsc);
