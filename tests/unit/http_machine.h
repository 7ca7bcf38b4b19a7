// SPDX-License-Identifier: MIT
// The machine under the http app on the host: four cores and a gap, fixed numbers. Included once a
// program.
#pragma once

#include <string.h>

#include "apps/http/kv.h"
#include "apps/http/network.h"
#include "http/run.h"
#include "kernel/core.h"
#include "kernel/counters.h"
#include "kernel/stats.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "tls/context.h"

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

static uint64_t counter_read(unsigned core, size_t offset)
{
    return 100 * offset + core;
}

// A row of each kind; the real table is tested in tests/boot/test_http.py.
void counters_each(void (*visit)(const struct counter *counter, void *context), void *context)
{
    static const struct counter rows[] = {
        {"switches", "Switches.", COUNTER_EVENTS, counter_read, 1, NULL},
        {"network_sent", "Size of frames sent.", COUNTER_BYTES, counter_read, 2, NULL},
        {"halted", "Time of nothing.", COUNTER_NS, counter_read, 30000000, NULL},
        {"threads", "Threads.", GAUGE_COUNT, counter_read, 4, NULL},
        {"memory_free", "Memory free.", GAUGE_BYTES, counter_read, 5, NULL},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        visit(&rows[i], context);
}

__attribute__((weak)) struct kv_counts kv_counts_get(void)
{
    return (struct kv_counts){3, 4096};
}

__attribute__((weak)) bool http_certificate(unsigned index, struct tls_certificate *out)
{
    *out = (struct tls_certificate){.name = "toril.test", .until_s = 1800000000};
    return index == 0;
}

// Weak, like what follows: some tests have one of their own, or the real one.
__attribute__((weak)) struct thread *thread_create(const char *name, void (*entry)(void *argument),
                                                   void *argument)
{
    (void)name;
    (void)entry;
    (void)argument;
    return NULL;
}

__attribute__((weak)) void http_network_get(struct http_network *out)
{
    *out = (struct http_network){.addresses = {"10.0.2.15/24", "fe80::2/64"},
                                 .device = "virtio-net at 00:02.0",
                                 .link_up = true};
}

__attribute__((weak)) void http_network_tables(struct http_text *text)
{
    (void)text;
}
