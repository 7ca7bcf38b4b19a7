// SPDX-License-Identifier: MIT
// What the heap's tests on one core share: its memory, and reports that must come.
#pragma once

#include "host.h"
#include "seeded.h"

#include <string.h>

#include "fake_core.h"
#include "fake_memory.h"
#include "heap_blocks.h"

#include "kernel/heap.h"
#include "kernel/pages.h"

#define ARENA_BYTES (10ull << 20)

static inline bool heap_memory_start(void)
{
    static struct memory_range memory = {FAKE_MEMORY_BASE, ARENA_BYTES, MEMORY_USABLE};
    struct boot_info info = {.memory = &memory, .memory_count = 1};
    return fake_memory_map(ARENA_BYTES) && page_pool_start(&info) == 0;
}

// The call panics, and the report holds each of the texts.
#define EXPECT_REPORT(call, ...)                                                                   \
    do {                                                                                           \
        static const char *const says[] = {__VA_ARGS__};                                           \
        if (!host_panicked()) {                                                                    \
            call;                                                                                  \
            fail();                                                                                \
        }                                                                                          \
        for (size_t s = 0; s < ARRAY_COUNT(says); s++)                                             \
            if (strstr(host_panic_text, says[s]) == NULL)                                          \
                fail_msg("\"%s\" is not in: %s", says[s], host_panic_text);                        \
    } while (0)
