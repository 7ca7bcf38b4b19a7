// SPDX-License-Identifier: MIT
// Blocks of random sizes that keep what was written into them.
#pragma once

#include "fake_core.h"
#include "kernel/heap.h"
#include "seeded.h"

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
