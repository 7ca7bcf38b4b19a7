// SPDX-License-Identifier: MIT
// What the cores of fake_core.h have of the real kernel: each its share of memory, a heap in it,
// and the exchange. Included once a program.
#pragma once

#include "host.h"
#include "seeded.h"

#include <string.h>
#include <unistd.h>

#include "fake_core.h"
#include "fake_memory.h"

#include "kernel/heap.h"
#include "kernel/pages.h"
#include "smp/exchange.h"

#define CORES       4
#define CORE_BYTES  (16ull << 20)
#define ARENA_BYTES (CORE_BYTES * CORES)
#define KEPT_BYTES  (39ull * 65536 + (256 << 10)) // spans that a heap may keep, as test_heap.c

// Each core calls it first; all have it when it returns.
static void start_memory(unsigned core)
{
    static struct memory_range memory = {FAKE_MEMORY_BASE, ARENA_BYTES, MEMORY_USABLE};
    static struct page_share shares[CORES];
    random_state = 88172645463325252ull + core * 7919;
    if (core == 0) {
        struct boot_info info = {.memory = &memory, .memory_count = 1};
        FAKE_CHECK(page_pool_start(&info) == 0);
        memset(shares, 0, sizeof(shares));
        for (unsigned heir = 1; heir < CORES; heir++)
            page_pool_split(CORE_BYTES - (1 << 20), NULL, &shares[heir]);
        FAKE_CHECK(exchange_start(CORES) == 0);
    }
    fake_core_barrier();
    page_pool_adopt(&shares[core]);
    heap_start_core();
    exchange_start_core(FAKE_APIC_ID(core));
    fake_core_barrier();
}

static int setup(void **state)
{
    (void)state;
    alarm(60);
    return fake_memory_map(ARENA_BYTES) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    alarm(0);
    fake_memory_unmap(ARENA_BYTES);
    return 0;
}
