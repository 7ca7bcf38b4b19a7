// SPDX-License-Identifier: MIT
// The machine under the http app on the host: four cores and a gap, fixed numbers. Included once a
// program.
#pragma once

#include <string.h>

#include "apps/http/network.h"
#include "kernel/core.h"
#include "kernel/stats.h"
#include "kernel/time.h"

PERCORE unsigned core_this_index;
unsigned core_slot_count = 5;

bool core_is_online(unsigned core)
{
    return core < core_slot_count && core != 3; // one did not come up
}

static struct machine_stats machine = {
    .version = "0.1 <\"test\">",
    .cores = 4,
    .uptime_ns = 93784 * NS_PER_S, // 1 d 2 h 3 min 4 s
    .memory_total_bytes = 512ull << 20,
    .memory_free_bytes = 384ull << 20,
    .boot_ns = 41300 * NS_PER_US,
    .boot_since_firmware_ns = 8250 * NS_PER_US,
};

void machine_stats_get(struct machine_stats *out)
{
    *out = machine;
}

void core_stats_get(unsigned core, struct core_stats *out)
{
    *out = (struct core_stats){core + 1, 1000 + core, 20, NS_PER_S / 2, 30};
}

// Weak: the server's test has the real one.
__attribute__((weak)) void http_network_get(struct http_network *out)
{
    *out = (struct http_network){.address = "10.0.2.15", .rx_frames = 7, .tx_bytes = 4096};
}
