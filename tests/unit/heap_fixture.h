// SPDX-License-Identifier: MIT
// What the heap's tests share: its memory, blocks of random sizes, and reports that must come.
#pragma once

#include "host.h"
#include "seeded.h"

#include <string.h>

#include "fake_core.h"
#include "fake_memory.h"

#include "kernel/heap.h"
#include "kernel/pages.h"

#define ARENA_BYTES (10ull << 20)

static inline bool heap_memory_start(void)
{
    static struct memory_range memory = {FAKE_MEMORY_BASE, ARENA_BYTES, MEMORY_USABLE};
    struct boot_info info = {.memory = &memory, .memory_count = 1};
    return fake_memory_map(ARENA_BYTES) && page_pool_start(&info) == 0;
}

struct block {
    uint8_t *bytes;
    size_t size_bytes;
    uint8_t stamp;
};
static inline size_t random_size(void)
{
    switch (random_below(16)) {
    case 0:
        return random_below(100000);
    case 1:
    case 2:
        return random_below(33000);
    case 3:
    case 4:
    case 5:
        return random_below(3000);
    default:
        return random_below(200);
    }
}

static inline void block_check(const struct block *block)
{
    for (size_t i = 0; i < block->size_bytes; i++)
        if (block->bytes[i] != block->stamp)
            fake_core_fail(__FILE__, __LINE__, "a block keeps what was written");
}

// Checks and frees the block, if there is one. Returns: true if there was.
static inline bool block_ends(struct block *block)
{
    if (block->bytes == NULL)
        return false;
    block_check(block);
    heap_free(block->bytes);
    block->bytes = NULL;
    return true;
}

// Asks for one of a random size, of up to 1 / `part` of the usual. Returns: the alignment asked
// for.
static inline size_t block_begin(struct block *block, size_t part, unsigned operation)
{
    size_t alignment = random_below(4) == 0 ? 1u << random_below(16) : 1;
    block->size_bytes = random_size() / part;
    block->stamp = (uint8_t)operation;
    block->bytes = heap_alloc_aligned(block->size_bytes, alignment);
    return alignment;
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
