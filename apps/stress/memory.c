// SPDX-License-Identifier: MIT
#include <string.h>

#include "apps/stress/stress.h"
#include "kernel/core.h"
#include "kernel/heap.h"
#include "kernel/panic.h"
#include "kernel/thread.h"
#include "kernel/time.h"

#define BLOCK_BYTES_SMALL 2000u
#define BLOCK_BYTES_LARGE 200000u
#define LOOKED_AT_BYTES   64u

struct block {
    size_t size_bytes;
    unsigned owner;
    uint8_t stamp;
    uint8_t bytes[];
};

// All of a small block is looked at, of a large one both ends.
static size_t looked_at(const struct block *block)
{
    return block->size_bytes < BLOCK_BYTES_SMALL ? block->size_bytes : LOOKED_AT_BYTES;
}

static void *allocate(size_t size_bytes)
{
    void *block = heap_alloc(size_bytes);
    if (block == NULL)
        panic("stress: out of memory on core %u", core_index());
    return block;
}

struct block *block_make(void)
{
    size_t size_bytes = random_below(random_below(64) == 0 ? BLOCK_BYTES_LARGE : BLOCK_BYTES_SMALL);
    struct block *block = allocate(sizeof(*block) + size_bytes);
    *block = (struct block){size_bytes, core_index(), (uint8_t)random_below(256)};
    size_t count = looked_at(block);
    memset(block->bytes, block->stamp, count);
    memset(block->bytes + size_bytes - count, block->stamp, count);
    return block;
}

void block_free(struct block *block)
{
    size_t count = looked_at(block);
    const uint8_t *end = block->bytes + block->size_bytes;
    for (size_t i = 0; i < count; i++)
        if (block->bytes[i] != block->stamp || *(end - 1 - i) != block->stamp)
            panic("stress: core %u: a block of %zu bytes from core %u was overwritten at %zu",
                  core_index(), block->size_bytes, block->owner, i);
    heap_free(block);
}

unsigned block_owner(const struct block *block)
{
    return block->owner;
}

static void wait_to_end(void *argument)
{
    const bool *may_end = argument;
    while (!*may_end)
        thread_yield();
}

// As many threads at once as all cores can have here, and those that run this.
static void settle_stacks(void)
{
    unsigned count = core_count() * WORKERS + 4;
    struct thread **threads = allocate(count * sizeof(struct thread *));
    struct thread_options options = {.joinable = true};
    bool may_end = false;
    for (unsigned i = 0; i < count; i++) {
        threads[i] = thread_create_with_options("settle", wait_to_end, &may_end, &options);
        if (threads[i] == NULL)
            panic("stress: core %u has no memory for %u threads", core_index(), count);
    }
    may_end = true;
    for (unsigned i = 0; i < count; i++)
        if (thread_join(threads[i], NULL, TIME_NEVER) != 0)
            panic("stress: a thread did not end");
    heap_free(threads);
}

void memory_settle(void)
{
    settle_stacks();
}
